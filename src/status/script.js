// Shows how things stand now, every 15 seconds while somebody looks. Without it the page is as good, until it is loaded anew.
setInterval(async () => {
  if (document.hidden || document.activeElement.tagName === "INPUT") return;
  try {
    const answer = await fetch(location.href);
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
    if (fresh) document.querySelector("main").replaceWith(fresh);
  } catch (_) { /* The exporter is away; what is shown says of when it is. */ }
}, 15000);
