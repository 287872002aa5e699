// Draws the charts of a page when they come into sight; the library is loaded with the first.
"use strict";

let library;

function vega() {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = document.querySelector("[data-vega]").dataset.vega;
    script.onload = () => resolve(window.vegaEmbed);
    script.onerror = reject;
    document.head.append(script);
  });
  return library;
}

function theme() {
  const chosen = document.documentElement.dataset.theme;
  if (chosen !== "auto") return chosen;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

function address(plot, form) {
  return plot.dataset.chart.replace("FORM", form).replace("THEME", theme());
}

// Without Vega there is still the picture that pages without scripts show.
function picture(plot) {
  const image = document.createElement("img");
  image.src = address(plot, "svg");
  image.alt = plot.dataset.alt;
  plot.replaceChildren(image);
}

async function draw(plot) {
  try {
    const [embed, answer] = await Promise.all([vega(), fetch(address(plot, "json"))]);
    if (!answer.ok) throw new Error(answer.statusText);
    const spec = await answer.json();
    // The page's policy forbids eval and style elements: hence the interpreter and our own sheet.
    await embed(plot, spec, {
      ast: true, renderer: "svg", actions: false, defaultStyle: false,
      tooltip: { disableDefaultStyle: true },
    });
    plot.querySelector("svg").setAttribute("aria-hidden", "true");
    plot.classList.add("is-drawn");
  } catch {
    picture(plot);
  }
}

const watcher = new IntersectionObserver((seen) => {
  for (const one of seen) {
    if (!one.isIntersecting) continue;
    watcher.unobserve(one.target);
    draw(one.target);
  }
}, { rootMargin: "200px" });

for (const plot of document.querySelectorAll("[data-chart]")) watcher.observe(plot);

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const plot of document.querySelectorAll(".is-drawn")) draw(plot);
});
