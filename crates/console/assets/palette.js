// The one script: Ctrl+K (or Command+K) goes to the field that finds pages and people, Escape leaves it. Every page works without it.
"use strict";
document.addEventListener("keydown", (event) => {
  const field = document.getElementById("go");
  if (!field) return;
  if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
    event.preventDefault();
    field.focus();
    field.select();
  } else if (event.key === "Escape" && document.activeElement === field) {
    field.value = "";
    field.blur();
  }
});
