// <form data-suggest="address">: suggestions while typing, an ARIA 1.2 combobox. The server writes the list. Nothing is stored.
const WAIT = 150;
// A Han character is a word, a letter is not.
const isWord = (words) => words.length > 1 || /\p{Script=Han}/u.test(words);

function enhance(form) {
  const input = form.elements.q;
  const list = form.querySelector("[role=listbox]");
  const status = form.querySelector("[role=status]");
  let options = [];
  let at = -1;
  let asked = "";
  let timer;
  let request;

  const mark = (index) => {
    options[at]?.removeAttribute("aria-selected");
    at = index;
    const option = options[at];
    if (!option) return input.removeAttribute("aria-activedescendant");
    option.setAttribute("aria-selected", "true");
    input.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  };

  const show = (isOpen) => {
    list.hidden = !isOpen;
    input.setAttribute("aria-expanded", isOpen);
  };

  const stop = () => {
    clearTimeout(timer);
    request?.abort();
  };

  const forget = () => {
    stop();
    mark(-1);
    show(false);
    list.replaceChildren();
    status.textContent = "";
    options = [];
    asked = "";
  };

  const fill = (html) => {
    mark(-1);
    list.innerHTML = html;
    list.scrollTop = 0;
    options = [...list.querySelectorAll("[role=option]")];
    options.forEach((option, number) => (option.id = `${list.id}-${number}`));
    status.textContent = list.querySelector("[data-status]").textContent;
    show(options.length > 0);
    // A phone's keyboard covers what stands low.
    if (options.length && visualViewport.height - list.getBoundingClientRect().top < 220) form.scrollIntoView();
  };

  const ask = async () => {
    const words = input.value.trim();
    if (!isWord(words)) return forget();
    request = new AbortController();
    const { signal } = request;
    try {
      const answer = await fetch(`${form.dataset.suggest}?${new URLSearchParams({ q: words })}`, {
        signal,
        credentials: "omit",
        referrerPolicy: "no-referrer",
      });
      if (!answer.ok) return forget();
      fill(await answer.text());
      asked = words;
    } catch {
      if (!signal.aborted) forget();
    }
  };

  const later = () => {
    stop();
    mark(-1);
    timer = setTimeout(ask, WAIT);
  };

  const move = (step) => {
    if (asked !== input.value.trim()) {
      stop();
      ask();
    } else if (options.length) {
      show(true);
      mark((Math.max(at, step > 0 ? -1 : 0) + step + options.length) % options.length);
    }
  };

  const keys = {
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    Enter: () => options[at].click(),
    Escape: () => {
      if (list.hidden) input.value = "";
      forget();
    },
  };

  // ARIA in HTML: a search field may not be a combobox, a text field may.
  input.type = "text";
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-controls", list.id);
  show(false);

  input.addEventListener("input", (event) => event.isComposing || later());
  input.addEventListener("compositionstart", forget);
  input.addEventListener("compositionend", later);
  input.addEventListener("keydown", (event) => {
    // The input method's keys; Safari sends its last Enter as 229.
    if (event.isComposing || event.keyCode === 229) {
      if (event.key === "Enter") event.preventDefault();
      return;
    }
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const act = keys[event.key];
    // Home, End, letters: back in the text.
    if (!act || (event.key === "Enter" && at < 0)) return mark(-1);
    event.preventDefault();
    act();
  });
  input.addEventListener("blur", forget);
  form.addEventListener("submit", forget);
  window.addEventListener("pagehide", forget);
  // A press on a suggestion must not take the focus away first.
  list.addEventListener("mousedown", (event) => event.preventDefault());
}

document.querySelectorAll("form[data-suggest]").forEach(enhance);
