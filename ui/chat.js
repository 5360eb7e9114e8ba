// Runs in the source panel (`element` is the document that is open there): a citation shows its quote when it is pointed
// at and opens its source when it is clicked; every button of the page that Python has rendered is heard here.
const motion = () => (matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth");
const panel = () => document.getElementById("panel");
const narrow = () => matchMedia("(max-width: 900px)").matches;
let before = null; // what had the focus when the panel was opened over the page

function reveal(target, behavior = motion()) {
  target.scrollIntoView({ block: "center", behavior });
  target.focus({ preventScroll: true });
  target.classList.remove("flash");
  void target.offsetWidth;
  target.classList.add("flash");
}

// The sources of an answer, by its number.

function sectionOf(number) {
  return document.querySelector(`#${number === "0" ? "evidence" : "sources"} section[data-turn="${number}"]`);
}

function showTurn(section) {
  const list = section.closest("#sources, #evidence");
  for (const other of list.querySelectorAll("section")) other.classList.toggle("shown", other === section);
  list.classList.add("chosen");
}

function openPanel() {
  if (!narrow() || panel().classList.contains("open")) return;
  before = document.activeElement;
  panel().classList.add("open");
}

function closePanel() {
  panel().classList.remove("open");
  before?.focus?.();
  before = null;
}

// A whole document. The marks are those of the answer that it was opened from.

async function openDocument(id, marks, at, target) {
  const spans = marks.map((mark) => [Number(mark.id.split("-")[2]), Number(mark.dataset.start), Number(mark.dataset.end)]);
  panel().classList.add("reading");
  element.classList.add("loading");
  try {
    element.innerHTML = await server.open_document([id, spans, at]);
  } catch {
    element.innerHTML = '<header class="open"><button type="button" class="close">Back</button></header><p class="note failed">The document could not be opened. Is Pincite still running?</p>';
  }
  element.classList.remove("loading");
  element.dataset.turn = marks.length ? marks[0].id.split("-")[1] : "";
  openPanel();
  const mark = target && document.getElementById(`whole-${target}`);
  if (mark) reveal(mark, "auto");
  else element.querySelector(".text")?.focus({ preventScroll: true });
}

function closeDocument() {
  element.innerHTML = "";
  panel().classList.remove("reading");
}

function marksOf(section, id) {
  return [...section.querySelectorAll("mark")].filter((mark) => mark.dataset.document === id);
}

function follow(link) {
  hide();
  const mark = document.getElementById(link.hash.slice(1));
  if (panel().contains(link)) {
    const chip = document.querySelector(`#talk a.chip[href="${link.hash}"]`);
    closePanel();
    if (chip) reveal(chip);
    return;
  }
  if (!mark) return;
  const section = mark.closest("section");
  showTurn(section);
  const id = mark.dataset.document;
  if (id) openDocument(id, marksOf(section, id), Number(mark.dataset.start), mark.id.split("-")[2]);
  else {
    closeDocument();
    openPanel();
    reveal(mark);
  }
}

// The quote of a citation, beside it.

const peek = document.createElement("div");
peek.id = "peek";
peek.setAttribute("role", "tooltip");
peek.hidden = true;
document.body.append(peek);

function show(chip) {
  const mark = document.getElementById(chip.hash.slice(1));
  if (!mark || panel().contains(chip)) return;
  const quote = document.createElement("q");
  const place = document.createElement("small");
  quote.textContent = mark.textContent.replace(/\s+/g, " ");
  place.textContent = `${mark.dataset.title}, ${mark.dataset.place}`;
  peek.replaceChildren(quote, place);
  peek.hidden = false;
  chip.setAttribute("aria-describedby", "peek");
  const at = chip.getBoundingClientRect();
  const size = peek.getBoundingClientRect();
  const left = Math.min(Math.max(8, at.left - 20), innerWidth - size.width - 8);
  const above = at.top - size.height - 8;
  peek.style.left = `${left}px`;
  peek.style.top = `${above > 8 ? above : at.bottom + 8}px`;
}

function hide() {
  peek.hidden = true;
}

const chipOf = (event) => event.target.closest?.("a.chip");
document.addEventListener("mouseover", (event) => (chipOf(event) ? show(chipOf(event)) : event.target.closest?.("#peek") || hide()));
document.addEventListener("focusin", (event) => (chipOf(event) ? show(chipOf(event)) : hide()));
document.addEventListener("scroll", hide, true);
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  if (!peek.hidden) hide();
  else if (panel().classList.contains("reading")) closeReading();
  else closePanel();
});

function closeReading() {
  const turn = element.dataset.turn;
  closeDocument();
  if (narrow()) closePanel();
  else (turn && sectionOf(turn)?.querySelector("a.chip"))?.focus?.();
}

// Buttons. Gradio keeps no data attributes in a message, so a button's value is the number of its turn.

async function copy(text, button) {
  const name = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not allowed by the browser";
  }
  setTimeout(() => {
    button.textContent = name;
    button.closest("details")?.removeAttribute("open");
  }, 1500);
}

function linkTo(number) {
  const question = document.querySelector(`#chat .act.edit[value="${number}"]`)?.closest(".question")?.querySelector(".asked")?.innerText ?? "";
  const query = props.conversation ? `chat=${encodeURIComponent(props.conversation)}#turn-${number}` : `q=${encodeURIComponent(question)}`;
  return `${location.origin}${location.pathname}?${query}`;
}

const does = {
  good: (button) => trigger("like", { index: Number(button.value), value: "", liked: true }),
  bad: (button) => trigger("like", { index: Number(button.value), value: "", liked: false }),
  again: (button) => trigger("retry", { index: Number(button.value), value: "" }),
  edit: (button) => {
    trigger("edit", { index: Number(button.value), value: "", previous_value: "" });
    document.querySelector("#box textarea")?.focus();
  },
  copy: (button) => {
    const form = ["markdown", "plain", "bibtex"].find((name) => button.classList.contains(name));
    copy(sectionOf(button.value)?.querySelector(`pre[data-form="${form}"]`)?.textContent ?? "", button);
  },
  link: (button) => copy(linkTo(button.value), button),
  show: (button) => {
    const section = sectionOf(button.value);
    if (!section) return;
    closeDocument();
    showTurn(section);
    openPanel();
    section.scrollIntoView({ block: "start", behavior: motion() });
    section.querySelector("a.chip, summary")?.focus({ preventScroll: true });
  },
  document: (button) => {
    const section = button.closest("section");
    const marks = section ? marksOf(section, button.value) : [];
    openDocument(button.value, marks, marks.length ? Number(marks[0].dataset.start) : 0, marks[0]?.id.split("-")[2]);
  },
  further: (button) => {
    const [id, at] = button.value.split(":");
    const turn = element.dataset.turn;
    openDocument(id, turn ? marksOf(sectionOf(turn), id) : [], Number(at));
  },
  close: closeReading,
  remove: (button) => trigger("delete", { index: 0, value: button.value }),
  reopen: (button) => trigger("select", { index: 0, value: button.value }),
  forget: (button) => trigger("clear", { index: 0, value: button.value }),
};

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a.chip");
  if (link) {
    event.preventDefault();
    follow(link);
    return;
  }
  const button = event.target.closest?.("#talk button, #panel button");
  const name = button && Object.keys(does).find((kind) => button.classList.contains(kind));
  if (name) does[name](button);
  if (!event.target.closest?.("details.copies")) for (const open of document.querySelectorAll("details.copies[open]")) open.open = false;
  if (panel().classList.contains("open") && !event.target.closest?.("#panel") && !button) closePanel();
});

// A question that the address held is asked when the page has come.
watch("linked", () => props.linked && trigger("apply", { value: "" }));

// The address names the conversation, so that a reload and a bookmark lead back to it.
watch("conversation", () => {
  const address = new URL(location.href);
  if ((address.searchParams.get("chat") ?? "") === props.conversation) return;
  address.search = props.conversation ? `?chat=${encodeURIComponent(props.conversation)}` : "";
  address.hash = "";
  history.replaceState(null, "", address);
});

// Gradio names a message by its markup, leaves the buttons of the input without a name, and takes aria attributes out of
// messages. The parts of the page come in any order, so the whole of it is watched.
let sections = 0;
let target = location.hash.match(/^#turn-(\d+)$/)?.[1];

function name() {
  for (const thumb of document.querySelectorAll("#chat button.thumb")) {
    thumb.setAttribute("aria-label", thumb.title);
    thumb.setAttribute("aria-pressed", props.thumbs[thumb.value] === thumb.matches(".good"));
  }
  for (const message of document.querySelectorAll("#chat [data-testid][aria-label]")) message.removeAttribute("aria-label");
  document.querySelector("#chat .examples")?.removeAttribute("role"); // a list, of which the items are buttons
  for (const page of document.querySelectorAll("#views > .tabitem:not(#ask) > .column")) page.tabIndex = 0; // they scroll
  document.querySelector("#box .submit-button")?.setAttribute("aria-label", "Send");
  document.querySelector("#box .stop-button")?.setAttribute("aria-label", "Stop");
  const count = document.querySelectorAll('#sources section:not([data-turn="0"])').length;
  if (count !== sections) {
    // A new answer: its sources, from the top.
    sections = count;
    document.getElementById("sources")?.classList.remove("chosen");
    if (document.getElementById("ask-button")?.ariaSelected !== "false") closeDocument();
    if (panel()) panel().scrollTop = 0;
  }
  if (target && sectionOf(target)) {
    const section = sectionOf(target);
    target = null;
    showTurn(section);
    document.querySelector(`#chat .act.show[value="${section.dataset.turn}"]`)?.closest(".message-row")?.scrollIntoView({ block: "end" });
  }
}
new MutationObserver(name).observe(document.body, { childList: true, subtree: true });
watch("thumbs", name);
name();
