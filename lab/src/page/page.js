"use strict";
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const theme = () => {
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue(name).trim();
    const [ink, soft, line] = ["--ink", "--soft", "--line"].map(color);
    // Okabe and Ito 2008: told apart without red and green; on dark paper the black one is white.
    const category = dark.matches
      ? ["#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#d55e00", "#e7edf2", "#4f8fd0"]
      : ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b08900", "#56b4e9", "#16202a", "#e69f00"];
    return {
      background: "transparent",
      font: "system-ui, -apple-system, 'Segoe UI', Roboto, Arial, sans-serif",
      range: { category },
      axis: { labelColor: soft, titleColor: soft, gridColor: line, domainColor: line, tickColor: line, labelFontSize: 12, titleFontSize: 12, titleFontWeight: 500 },
      legend: { labelColor: ink, titleColor: soft, labelFontSize: 12, orient: "top", title: null, columns: document.documentElement.clientWidth < 600 ? 1 : 4, labelLimit: 260 },
      title: { color: ink },
      text: { color: ink },
      rule: { color: soft },
      view: { stroke: null },
    };
  };
  const draw = () => {
    for (const spec of document.querySelectorAll("script.spec")) {
      const place = document.getElementById(spec.dataset.chart);
      const options = { renderer: "svg", config: theme(), actions: { export: true, source: false, compiled: false, editor: false }, downloadFileName: spec.dataset.chart };
      vegaEmbed(place, JSON.parse(spec.textContent), options).then(
        () => { place.dataset.drawn = "yes"; },
        (error) => { place.textContent = "This chart could not be drawn: " + error.message; console.error(error); },
      );
    }
  };
  dark.addEventListener("change", draw);
  draw();
})();
