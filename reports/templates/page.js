(function () {
  "use strict";
  var box = document.getElementById("search");
  if (box) {
    var lines = Array.from(document.querySelectorAll(".text > div"));
    var logs = Array.from(document.querySelectorAll("details.log"));
    var open = logs.map(function (log) { return log.open; });
    var found = document.getElementById("found");
    var filter = function () {
      var wanted = box.value.toLowerCase();
      var hits = 0;
      lines.forEach(function (line) {
        var hit = line.lastElementChild.textContent.toLowerCase().includes(wanted);
        line.hidden = !hit;
        hits += hit ? 1 : 0;
      });
      logs.forEach(function (log, n) {
        var any = log.querySelector(".text > div:not([hidden])") !== null;
        log.hidden = wanted === "" ? false : !any;
        log.open = wanted === "" ? open[n] : any;
      });
      found.textContent = wanted === "" ? "" : hits + " of " + lines.length + " lines";
    };
    var soon = 0;
    box.addEventListener("input", function () {
      clearTimeout(soon);
      soon = setTimeout(filter, 120);
    });
    document.addEventListener("keydown", function (event) {
      if (event.key === "/" ? event.target === document.body : false) {
        event.preventDefault();
        box.focus();
      }
    });
    document.getElementById("searching").hidden = false;
  }
  var reveal = function () {
    var target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    var log = target ? target.closest("details") : null;
    if (log) {
      log.open = true;
      target.scrollIntoView();
    }
  };
  addEventListener("hashchange", reveal);
  reveal();
  document.querySelectorAll("time").forEach(function (time) {
    var minutes = Math.round((Date.now() - Date.parse(time.dateTime)) / 60000);
    var steps = [[1440, "d"], [60, "h"], [1, "min"]];
    var step = steps.find(function (step) { return minutes >= step[0]; });
    time.title = time.textContent;
    time.textContent = step ? Math.floor(minutes / step[0]) + " " + step[1] + " ago" : "just now";
  });
})();
