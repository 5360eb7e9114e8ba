// Filters only: without this the page is whole, the failed cases first and open.
const all = q => [...document.querySelectorAll(q)], cases = all(".case"), form = document.querySelector(".filter");
const fits = (box, value) => !box.value || box.value === value;
function show() {
  for (const c of cases) c.hidden = !(fits(form.type, c.dataset.type) && fits(form.cause, c.dataset.cause)
    && !(form.failed.checked && !c.classList.contains("failed")));
  form.shown.value = cases.filter(c => !c.hidden).length + " of " + cases.length + " cases";
}
form.hidden = false;
form.oninput = show;
form.flip.onclick = () => { const shown = cases.filter(c => !c.hidden), open = shown.some(c => !c.open);
  for (const c of shown) c.open = open; };
for (const a of all("[data-pick]")) a.onclick = () => { form.cause.value = a.dataset.pick; form.type.value = ""; show(); };
show();
