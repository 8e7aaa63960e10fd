//! Source rules and their list files.

errors! {
    source_without_class: "[[sources]]\nfrom = [\"10.0.0.0/8\"]\n",
    source_two_classes: "[plans.pro]\n[[sources]]\nfrom = [\"10.0.0.0/8\"]\nplan = \"pro\"\nblock = true\n",
    source_false: "[[sources]]\nfrom = [\"10.0.0.0/8\"]\nexempt = false\n[[sources]]\nfrom = [\"10.0.0.0/8\"]\nblock = false\n",
    source_without_prefixes: "[[sources]]\nexempt = true\n",
    source_empty_from: "[[sources]]\nfrom = []\nexempt = true\n",
    source_unknown_plan: "[plans.pro]\n[[sources]]\nfrom = [\"10.0.0.0/8\"]\nplan = \"por\"\n",
    source_no_plans: "[[sources]]\nfrom = [\"10.0.0.0/8\"]\nplan = \"pro\"\n",
    source_host_bits: "[[sources]]\nfrom = [\"198.51.100.7/24\"]\nblock = true\n",
    source_wrong_types: "[[sources]]\nfrom = \"10.0.0.0/8\"\nexempt = \"yes\"\nuntil = 2027\n",
    until_local: "[[sources]]\nfrom = [\"10.0.0.0/8\"]\nblock = true\nuntil = 2027-01-01T00:00:00\n[[sources]]\nfrom = [\"10.1.0.0/16\"]\nblock = true\nuntil = \"2027-01-01\"\n",
    until_not_a_time: "[[sources]]\nfrom = [\"10.0.0.0/8\"]\nblock = true\nuntil = \"tomorrow\"\n",
    list_missing: "[[sources]]\nfile = \"no-such-list.txt\"\nblock = true\n",
    list_bad_lines: "[[sources]]\nfile = \"bad-list.txt\"\nblock = true\n",
    list_many_bad_lines: "[[sources]]\nfile = \"very-bad-list.txt\"\nblock = true\n",
    two_classes_for_a_prefix: "[plans.pro]\n[[sources]]\nfrom = [\"198.51.100.0/24\", \"203.0.113.0/24\"]\nplan = \"pro\"\n[[sources]]\nfrom = [\"203.0.113.0/24\"]\nblock = true\n",
    two_classes_across_files: "[[sources]]\nfile = \"list.txt\"\nexempt = true\n[[sources]]\nfrom = [\"203.0.113.0/24\"]\nblock = true\n",
    two_classes_in_lists: "[[sources]]\nfrom = [\"203.0.113.0/24\"]\nblock = true\n[[sources]]\nfile = \"list.txt\"\nexempt = true\n",
    two_temporaries_for_a_prefix: "[[sources]]\nfrom = [\"192.0.2.66\"]\nblock = true\nuntil = \"2027-01-01T00:00:00Z\"\n[[sources]]\nfrom = [\"192.0.2.66/32\"]\nblock = true\nuntil = \"2028-01-01T00:00:00Z\"\n",
    temporaries_too_deep: "[[sources]]\nfrom = [\"10.0.0.0/8\", \"10.1.0.0/16\", \"10.1.1.0/24\"]\nblock = true\nuntil = \"2027-01-01T00:00:00Z\"\n[[sources]]\nfrom = [\"10.1.1.1\"]\nexempt = true\nuntil = \"2027-01-01T00:00:00Z\"\n",
}
