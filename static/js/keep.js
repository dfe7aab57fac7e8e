// <form data-keep="address">: what is typed is kept on the server two seconds after the last key, and when the page is left.
// Files are not; without script the words are kept when the form is sent.
const PAUSE = 2000;

for (const form of document.querySelectorAll("[data-keep]")) {
  let timer;
  let kept = words(form);

  const keep = () => {
    clearTimeout(timer);
    const now = words(form);
    if (now === kept) return;
    kept = now;
    // keepalive: it is sent even when the page goes away meanwhile. A failure is tried again with the next key.
    fetch(form.dataset.keep, { method: "POST", body: new URLSearchParams(now), keepalive: true, redirect: "error" })
      .then((answer) => { if (!answer.ok) kept = ""; })
      .catch(() => { kept = ""; });
  };

  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(keep, PAUSE);
  });
  form.addEventListener("submit", () => {
    clearTimeout(timer);
    kept = words(form);
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") keep();
  });
}

function words(form) {
  const pairs = [...new FormData(form)].filter(([, value]) => typeof value === "string");
  return new URLSearchParams(pairs).toString();
}
