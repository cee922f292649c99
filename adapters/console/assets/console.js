// The console without this file is links and forms. With it, parts of a page are swapped in place,
// the overview refreshes itself, "/" leads to the search, and the theme is remembered.
(() => {
  "use strict";
  const root = document.documentElement;
  const THEME = "console-theme";
  const PAUSED = "console-paused";
  const LONGEST_MS = 10_000;

  // At once, before anything is drawn.
  const remembered = localStorage.getItem(THEME);
  if (remembered === "light" || remembered === "dark") root.dataset.theme = remembered;

  const isDark = () =>
    root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;

  const toggleTheme = () => {
    const next = isDark() ? "light" : "dark";
    root.dataset.theme = next;
    localStorage.setItem(THEME, next);
  };

  // Fetches a page of ours; leaves for the sign-in page when the session has ended.
  const fetched = async (url, options = {}) => {
    const answer = await fetch(url, { ...options, credentials: "same-origin", signal: AbortSignal.timeout(LONGEST_MS) });
    if (new URL(answer.url).pathname.endsWith("/sign-in")) {
      location.assign(answer.url);
      return null;
    }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return { page, url: answer.url, ok: answer.ok };
  };

  // Puts the element of this id from a fetched page in place of the one that is shown.
  const swap = (id, page) => {
    const shown = document.getElementById(id);
    const fresh = page.getElementById(id);
    if (!shown || !fresh) return false;
    shown.replaceWith(document.adoptNode(fresh));
    return true;
  };

  const swapped = async (element, url, options, remember) => {
    const id = element.dataset.swap;
    element.setAttribute("aria-busy", "true");
    let got = null;
    try {
      got = await fetched(url, options);
    } catch {
      element.removeAttribute("aria-busy");
      return false;
    }
    if (!got) return true;
    if (!swap(id, got.page)) swap("main", got.page);
    if (remember) history.pushState(null, "", got.url);
    shownPlace = place();
    document.title = got.page.title;
    const told = document.getElementById(id) || document.getElementById("main");
    told.classList.add("swapped");
    if (!told.hasAttribute("tabindex")) told.setAttribute("tabindex", "-1");
    told.focus({ preventScroll: id !== "main" });
    ready();
    return true;
  };

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.dataset.swap || form.method !== "post") return;
    event.preventDefault();
    // A button may lead elsewhere than its form: to a rejection, where the form is an approval.
    const button = event.submitter;
    const action = button?.hasAttribute("formaction") ? button.formAction : form.action;
    const body = new URLSearchParams(new FormData(form, button));
    swapped(form, action, { method: "POST", body }, false).then((done) => {
      if (done) return;
      form.action = action;
      form.submit();
    });
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-swap]");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) {
      event.preventDefault();
      swapped(link, link.href, {}, true).then((done) => {
        if (!done) location.assign(link.href);
      });
    }
    if (event.target.closest("[data-theme-toggle]")) toggleTheme();
    const live = event.target.closest("[data-live]");
    if (live) {
      sessionStorage.setItem(PAUSED, live.getAttribute("aria-pressed") === "true" ? "1" : "");
      show(live);
    }
  });

  // Back to what was swapped away: the page is made anew. A jump inside of a page is none.
  const place = () => location.pathname + location.search;
  let shownPlace = place();
  addEventListener("popstate", () => {
    if (place() !== shownPlace) location.reload();
  });

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const seek = document.getElementById("seek");
      if (seek) {
        event.preventDefault();
        seek.focus();
        seek.select();
      }
    }
    if (event.key === "Escape" && event.target.id === "seek") event.target.blur();
  });

  const paused = () => sessionStorage.getItem(PAUSED) === "1";

  const show = (live) => {
    live.hidden = false;
    live.setAttribute("aria-pressed", String(!paused()));
    live.querySelector("span").textContent = paused() ? "Paused" : "Live";
  };

  // Refreshes what says so, unless nobody looks, it is paused, or somebody is in the middle of it.
  const refresh = async () => {
    const part = document.querySelector("[data-refresh]");
    if (!part) return;
    const waits = Number(part.dataset.refresh) * 1_000;
    const held = paused() || document.hidden || part.contains(document.activeElement) || String(getSelection());
    if (!held) {
      try {
        const got = await fetched(location.href, { headers: { "X-Refresh": "1" } });
        if (got && got.ok && swap(part.id, got.page)) ready();
      } catch {
        // The next time, perhaps.
      }
    }
    setTimeout(refresh, waits);
  };

  const ready = () => {
    for (const each of document.querySelectorAll(".tools")) each.hidden = false;
    for (const each of document.querySelectorAll("[data-live]")) show(each);
    // Where a chart is wider than the screen, the present is what is looked for.
    for (const each of document.querySelectorAll(".scroll")) each.scrollLeft = each.scrollWidth;
  };

  addEventListener("DOMContentLoaded", () => {
    ready();
    const part = document.querySelector("[data-refresh]");
    if (part) setTimeout(refresh, Number(part.dataset.refresh) * 1_000);
  });
})();
