// Making and changing the page without text that becomes markup: elements only.

const svg = "http://www.w3.org/2000/svg";
const handlers = ["onclick", "oninput", "onchange", "onsubmit", "onkeydown", "onpointerdown", "onpointerup", "onpointerleave"];

/** h makes an element. Properties that begin with "on" are handlers, false and null ones are left out; children may be nested. */
export function h(tag, properties = {}, ...children) {
	const e = tag === "svg" || tag === "path" || tag === "circle" || tag === "rect" ? document.createElementNS(svg, tag) : document.createElement(tag);
	for (const [name, value] of Object.entries(properties)) {
		if (handlers.includes(name)) {
			e[name] = value;
		} else if (name === "value" || name === "checked") {
			e[name] = value;
			e.setAttribute(`data-${name}`, value);
		} else if (value !== false && value !== null && value !== undefined) {
			e.setAttribute(name, value === true ? "" : value);
		}
	}
	e.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
	return e;
}

/** morph makes old look like fresh, and keeps what is the same: focus, what is being typed, where lists are scrolled to. */
export function morph(old, fresh) {
	if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || old.dataset?.key !== fresh.dataset?.key) {
		old.replaceWith(fresh);
		return;
	}
	if (old.nodeType === Node.TEXT_NODE) {
		if (old.data !== fresh.data) {
			old.data = fresh.data;
		}
		return;
	}
	attributes(old, fresh);
	for (const name of handlers) {
		if (old[name] !== fresh[name]) {
			old[name] = fresh[name];
		}
	}
	if (old.hasAttribute("data-own")) {
		return; // what is inside is somebody else's
	}
	const [from, to] = [[...old.childNodes], [...fresh.childNodes]];
	to.forEach((child, i) => (from[i] ? morph(from[i], child) : old.append(child)));
	from.slice(to.length).forEach((child) => child.remove());
}

function attributes(old, fresh) {
	for (const { name } of [...old.attributes]) {
		if (!fresh.hasAttribute(name) && !(name === "open" && old.nodeName === "DETAILS")) { // whether it is open is the user's
			old.removeAttribute(name);
		}
	}
	for (const { name, value } of fresh.attributes) {
		if (old.getAttribute(name) !== value) {
			old.setAttribute(name, value);
			if (name === "data-value" && old.value !== fresh.value) {
				old.value = fresh.value;
			} else if (name === "data-checked") {
				old.checked = fresh.checked;
			}
		}
	}
}
