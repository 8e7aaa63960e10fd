//! The five systems' policies on real traffic: each file of `policies/` runs as it stands, in native mode, and the
//! acceptance that SYSTEMS.md gives for it is shown with real connections and with raw SYN frames. Needs root.

mod abuse_log;
mod assistant;
mod content_platform;
mod content_switch;
mod health_analysis;
mod sources;
mod story_generator;
mod system;
mod tenant_plans;
mod tenant_windows;
mod visible;
