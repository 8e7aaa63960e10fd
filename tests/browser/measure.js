// What is on the screen, and where.
(() => {
  const box = (element) => {
    const { left, top, right, bottom, width, height } = element.getBoundingClientRect();
    return { left, top, right, bottom, width, height };
  };
  const isShown = (element) => element.checkVisibility() && element.getClientRects().length > 0;
  const plot = (id) => {
    const svgs = [...document.querySelectorAll(`#${id} svg[role=img]`)];
    return {
      id,
      section: box(document.getElementById(id)),
      svg: svgs.map(box),
      title: svgs.map((svg) => svg.querySelector("title")?.textContent ?? ""),
      rows: document.querySelectorAll(`#${id} tbody tr`).length,
      bars: [...document.querySelectorAll(`#${id} rect.bar`)].map((bar) => ({ ...box(bar), ...bar.dataset })),
      texts: [...document.querySelectorAll(`#${id} svg text`)].filter(isShown).map((text) => ({
        ...box(text), text: text.textContent, svg: [...document.querySelectorAll("svg")].indexOf(text.closest("svg")),
      })),
    };
  };
  // Heads that are hidden from the eye are a pixel wide on purpose.
  const isHidden = (element) => element.closest("caption, thead") && getComputedStyle(element.closest("caption, thead")).position === "absolute";
  const clipped = [...document.querySelectorAll("main *")].filter((element) =>
    !element.closest("svg") && !isHidden(element) && element.clientWidth > 0 && element.scrollWidth > element.clientWidth + 1);
  const body = getComputedStyle(document.body);
  return {
    scroll: document.documentElement.scrollWidth,
    client: document.documentElement.clientWidth,
    clipped: clipped.map((element) => element.outerHTML.slice(0, 200)),
    colours: [body.backgroundColor, body.color, ...[...document.querySelectorAll("rect.bar")].slice(0, 1).map((bar) => getComputedStyle(bar).fill)],
    plots: ["over-time", "top-sources", "reasons", "plans"].filter((id) => document.getElementById(id)).map(plot),
    text: document.body.innerText,
    scripts: document.querySelectorAll("script, img, iframe, object, link").length,
    hacked: typeof window.hacked,
  };
})()
