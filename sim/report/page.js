"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const plots = [...document.querySelectorAll(".plot")];
  const wantsDark = matchMedia("(prefers-color-scheme: dark)");
  const toast = document.getElementById("toast");
  let hiding;

  function say(text) {
    toast.textContent = text;
    toast.classList.add("shown");
    clearTimeout(hiding);
    hiding = setTimeout(() => toast.classList.remove("shown"), 2600);
  }

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const field = document.createElement("textarea");
      field.value = text;
      document.body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    }
  }

  async function reproduce(key) {
    const command = data.reproduce.replace("{key}", key);
    await copy(command);
    say(`Copied: ${command}`);
  }

  function themed(spec) {
    if (!wantsDark.matches) return spec;
    return JSON.parse(JSON.stringify(spec), (name, value) => (typeof value === "string" && data.dark[value]) || value);
  }

  let drawing = 0;
  async function draw() {
    const mine = ++drawing;
    const theme = wantsDark.matches ? "dark" : "light";
    for (const [index, plot] of plots.entries()) {
      const options = {
        actions: false,
        renderer: "svg",
        config: data.themes[theme],
        tooltip: { theme: "custom" },
      };
      const { view } = await vegaEmbed(plot, themed(data.specs[index]), options);
      if (mine !== drawing) return;
      view.addEventListener("click", (event, item) => {
        if (item && item.datum && item.datum.key) reproduce(item.datum.key);
      });
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.record");
    if (button) reproduce(button.dataset.key);
  });
  if (plots.length) {
    draw();
    wantsDark.addEventListener("change", draw);
  }
})();
