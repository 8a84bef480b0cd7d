// Brings the tables of this moment into the page of resources, as long as somebody looks at it.
const now = document.getElementById("now");
const seconds = 5;

async function bring() {
  if (document.hidden) return;
  try {
    const answer = await fetch(now.dataset.from, { credentials: "omit" });
    // What the reader has opened stays open.
    const open = now.querySelector("details[open]") !== null;
    if (answer.ok) {
      now.innerHTML = await answer.text();
      const details = now.querySelector("details");
      if (details) details.open = open;
    }
  } catch {
    // The portal is away: the page says of which moment its figures are.
  }
}

setInterval(bring, seconds * 1000);
document.addEventListener("visibilitychange", bring);
