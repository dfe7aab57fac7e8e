// <figure data-map>: pan and zoom with buttons, keys and pointer. Without script the pins lead to nearer views of the server.
const MOST = 8;

for (const map of document.querySelectorAll("[data-map]")) {
  const svg = map.querySelector("svg");
  const { x: left, y: top, width, height } = svg.viewBox.baseVal;
  const buttons = map.querySelectorAll("[data-map-zoom]");
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let near = 1;
  let middle = { x: left + width / 2, y: top + height / 2 };
  let frame;

  const draw = (x, y, zoom) => {
    const [across, down] = [width / zoom, height / zoom];
    svg.setAttribute("viewBox", `${x - across / 2} ${y - down / 2} ${across} ${down}`);
    map.style.setProperty("--map-shrink", 1 / zoom);
  };

  // Pins stay within the view the server sent: beyond it there are none.
  const show = (x, y, zoom, isSmooth = false) => {
    const from = { ...middle, near };
    near = clamp(zoom, 1, MOST);
    const [across, down] = [width / near / 2, height / near / 2];
    middle = { x: clamp(x, left + across, left + width - across), y: clamp(y, top + down, top + height - down) };
    map.toggleAttribute("data-near", near > 1);
    for (const button of buttons) button.disabled = Number(button.dataset.mapZoom) > 1 ? near >= MOST : near <= 1;
    cancelAnimationFrame(frame);
    if (!isSmooth || still.matches) return draw(middle.x, middle.y, near);
    const start = performance.now();
    const step = (now) => {
      const part = Math.min((now - start) / 180, 1);
      const at = (a, b) => a + (b - a) * part;
      draw(at(from.x, middle.x), at(from.y, middle.y), at(from.near, near));
      if (part < 1) frame = requestAnimationFrame(step);
    };
    frame = requestAnimationFrame(step);
  };

  for (const button of buttons) {
    button.addEventListener("click", () => show(middle.x, middle.y, near * Number(button.dataset.mapZoom), true));
  }
  map.querySelector("[data-map-buttons]").hidden = false;

  map.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const zooms = { "+": 2, "-": 0.5, 0: 1 / near };
    const move = near > 1 && moves[event.key];
    if (move) {
      const step = (0.2 * width) / near;
      show(middle.x + move[0] * step, middle.y + move[1] * step, near, true);
    } else if (zooms[event.key]) show(middle.x, middle.y, near * zooms[event.key], true);
    else return;
    event.preventDefault();
  });

  // A pin that gets the focus by keyboard comes into sight.
  map.addEventListener("focusin", (event) => {
    const pin = event.target.closest("[data-map-pin]");
    if (!pin || near === 1 || !pin.matches(":focus-visible")) return;
    const place = pin.querySelector("g").transform.baseVal[0].matrix;
    show(place.e, place.f, near);
  });

  let last = null;
  let hasMoved = false;
  svg.addEventListener("pointerdown", (event) => {
    hasMoved = false;
    if (near > 1 && event.isPrimary && event.button === 0) last = event;
  });
  svg.addEventListener("pointermove", (event) => {
    if (!last || !event.isPrimary) return;
    if (!hasMoved && Math.hypot(event.clientX - last.clientX, event.clientY - last.clientY) < 5) return;
    if (!hasMoved) svg.setPointerCapture(event.pointerId);
    hasMoved = true;
    const unit = width / near / svg.clientWidth;
    show(middle.x - (event.clientX - last.clientX) * unit, middle.y - (event.clientY - last.clientY) * unit, near);
    last = event;
  });
  svg.addEventListener("pointerup", () => { last = null; });
  svg.addEventListener("pointercancel", () => { last = null; });
  // What ends a drag is no choice of a link.
  svg.addEventListener("click", (event) => { if (hasMoved) event.preventDefault(); }, true);
  svg.addEventListener("dragstart", (event) => event.preventDefault());
}
