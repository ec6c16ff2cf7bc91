// Runs in a copy of a page, in a frame, and tells the frame's page what can be seen.
const rendered = (node) => {
  const range = document.createRange();
  range.selectNodeContents(node);
  return range.getClientRects().length > 0;
};
const solid = (colour) => !/^rgba\(.*, 0\)$/.test(colour);
const groundOf = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const colour = getComputedStyle(at).backgroundColor;
    if (solid(colour)) return colour;
  }
  return "none";
};
const inks = new Map();
const note = (what, colour, ground, large) => {
  const key = [colour, ground, large].join();
  if (!inks.has(key)) inks.set(key, { what, colour, ground, large });
};
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  const node = texts.currentNode;
  if (!node.data.trim() || !rendered(node)) continue;
  const style = getComputedStyle(node.parentElement);
  const size = parseFloat(style.fontSize);
  const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
  note(node.data.trim().slice(0, 60), style.color, groundOf(node.parentElement), large);
}
for (const drawn of document.querySelectorAll("i")) {
  const ground = groundOf(drawn.parentElement);
  note("i." + drawn.className, getComputedStyle(drawn).backgroundColor, ground, true);
}
const root = document.documentElement;
parent.postMessage({
  dark: matchMedia("(prefers-color-scheme: dark)").matches,
  width: innerWidth,
  wide: root.scrollWidth,
  high: root.scrollHeight,
  loaded: performance.getEntriesByType("resource").map((entry) => entry.name),
  ground: getComputedStyle(document.body).backgroundColor,
  text: document.body.innerText,
  inks: [...inks.values()],
}, "*");
