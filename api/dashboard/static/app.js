// What pages can do better with scripts: they work without it.
"use strict";

// A hint that would be cut off by a table that scrolls is placed over everything.
function place(fact) {
  const tip = fact.querySelector(".tip");
  if (!tip) return;
  fact.classList.remove("is-dismissed");
  tip.classList.add("is-placed");
  const value = fact.getBoundingClientRect();
  const size = tip.getBoundingClientRect();
  const left = Math.min(Math.max(8, value.left), window.innerWidth - size.width - 8);
  const below = value.bottom + 6;
  const fits = below + size.height < window.innerHeight;
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = `${fits ? below : Math.max(8, value.top - size.height - 6)}px`;
}

for (const kind of ["pointerover", "focusin"]) {
  document.addEventListener(kind, (event) => {
    const fact = event.target.closest?.(".fact");
    if (fact) place(fact);
  });
}

// Escape hides the hint that covers something (WCAG 1.4.13).
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const fact of document.querySelectorAll(".fact:hover, .fact:focus-within")) {
    fact.classList.add("is-dismissed");
  }
});

async function copied(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Off loopback and without TLS a browser offers no clipboard; a selection can still be copied.
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

for (const button of document.querySelectorAll("button.copy")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const said = document.getElementById("said");
    try {
      await copied(document.getElementById(button.dataset.copy).textContent);
      said.textContent = button.dataset.done;
    } catch {
      said.textContent = button.dataset.failed;
    }
    const before = button.textContent;
    button.textContent = said.textContent;
    setTimeout(() => { button.textContent = before; }, 2000);
  });
}

// Empty fields stay out of addresses that people share.
for (const form of document.querySelectorAll("form.filters")) {
  form.addEventListener("formdata", (event) => {
    for (const [name, value] of [...event.formData]) {
      if (value === "") event.formData.delete(name);
    }
  });
}

// The time left runs on while the page stands; by the page's own clock, as clocks differ.
const shown = performance.now();
const running = document.querySelectorAll("[data-left]");
function count() {
  for (const one of running) {
    const left = Math.max(0, one.dataset.left - (performance.now() - shown) / 1000);
    const seconds = String(Math.floor(left % 60)).padStart(2, "0");
    one.textContent = `${Math.floor(left / 60)}:${seconds}`;
  }
}
if (running.length) {
  count();
  setInterval(count, 1000);
}
