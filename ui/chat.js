// Runs in the source panel (`element`): a citation shows its quote, a number beside a source goes back to the answer,
// and a thumb under an answer marks it.
const motion = () => (matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth");

function reveal(target) {
  target.scrollIntoView({ block: "center", behavior: motion() });
  target.focus({ preventScroll: true });
  target.classList.remove("flash");
  void target.offsetWidth;
  target.classList.add("flash");
}

function showTurn(section) {
  for (const other of element.querySelectorAll("section")) other.classList.toggle("shown", other === section);
  element.classList.add("chosen");
}

document.addEventListener("click", (event) => {
  const thumb = event.target.closest?.("#chat button.thumb");
  if (thumb) trigger("like", { index: Number(thumb.value), value: "", liked: thumb.matches(".good") });
  const link = event.target.closest?.("a.chip");
  if (!link) return;
  event.preventDefault();
  const quote = document.getElementById(link.hash.slice(1));
  if (element.contains(link)) {
    const chip = document.querySelector(`#chat a.chip[href="${link.hash}"]`);
    if (chip) reveal(chip);
  } else if (quote) {
    showTurn(quote.closest("section"));
    reveal(quote);
  }
});

// A new answer: its section, from the top.
watch("value", () => {
  element.classList.remove("chosen");
  document.getElementById("sources").scrollTop = 0;
});

// Gradio names a message by its markup, leaves the buttons of the input without a name, and takes aria attributes out of
// messages. The parts of the page come in any order, so the whole of it is watched.
function name() {
  for (const thumb of document.querySelectorAll("#chat button.thumb")) {
    thumb.setAttribute("aria-label", thumb.title);
    thumb.setAttribute("aria-pressed", props.thumbs[thumb.value] === thumb.matches(".good"));
  }
  for (const message of document.querySelectorAll("#chat [data-testid][aria-label]")) message.removeAttribute("aria-label");
  document.querySelector("#box .submit-button")?.setAttribute("aria-label", "Send");
  document.querySelector("#box .stop-button")?.setAttribute("aria-label", "Stop");
}
new MutationObserver(name).observe(document.body, { childList: true, subtree: true });
watch("thumbs", name);
name();
