(function () {
  var root = document.documentElement, each = function (s, f) { document.querySelectorAll(s).forEach(f); };
  root.classList.add("js");
  var theme = document.getElementById("theme"), filter = document.getElementById("filter");
  if (theme) theme.addEventListener("click", function () {
    var dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });
  if (filter) filter.addEventListener("input", function () {
    var words = filter.value.toLowerCase().split(/\s+/);
    each("[data-find]", function (one) {
      var text = one.dataset.find.toLowerCase();
      one.hidden = !words.every(function (word) { return text.includes(word); });
    });
  });
  addEventListener("beforeprint", function () {
    each("details:not([open])", function (one) { one.open = true; one.dataset.was = "shut"; });
  });
  addEventListener("afterprint", function () {
    each("details[data-was]", function (one) { one.open = false; one.removeAttribute("data-was"); });
  });
  each("table[data-sort]", function (table) {
    table.querySelectorAll("thead th").forEach(function (head, column) {
      var button = document.createElement("button");
      button.append.apply(button, head.childNodes);
      head.append(button);
      button.addEventListener("click", function () {
        var down = head.getAttribute("aria-sort") === "ascending", body = table.tBodies[0];
        table.querySelectorAll("th[aria-sort]").forEach(function (one) { one.removeAttribute("aria-sort"); });
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        Array.from(body.rows).map(function (row) {
          var text = row.cells[column].dataset.value || row.cells[column].textContent.trim(), value = parseFloat(text);
          return { row: row, value: isNaN(value) ? text : value };
        }).sort(function (a, b) {
          var less = typeof a.value === typeof b.value ? a.value < b.value : typeof a.value === "number";
          return (a.value === b.value ? 0 : less ? -1 : 1) * (down ? -1 : 1);
        }).forEach(function (one) { body.append(one.row); });
      });
    });
  });
})();
