// What this browser keeps: who it is, its keys, its settings, its recent calls, and calls that wait to be taken by a page.

const stores = ["phone", "wakes", "history"];

let opened; // one connection for the page

function database() {
	opened ??= new Promise((resolve, reject) => {
		const request = indexedDB.open("strowger", 1);
		request.onupgradeneeded = () => stores.forEach((name) => request.result.createObjectStore(name));
		request.onsuccess = () => resolve(request.result);
		request.onerror = () => reject(request.error);
	});
	return opened;
}

/** act runs one request in a transaction of its own, and returns its result when that is on disk. */
async function act(store, mode, request) {
	const db = await database();
	return new Promise((resolve, reject) => {
		const transaction = db.transaction(store, mode);
		const r = request(transaction.objectStore(store));
		transaction.oncomplete = () => resolve(r.result);
		transaction.onerror = transaction.onabort = () => reject(transaction.error);
	});
}

export const load = (name) => act("phone", "readonly", (s) => s.get(name));
export const save = (name, value) => act("phone", "readwrite", (s) => s.put(value, name));

/** Wakes are by leg: {wake, claims, over}. Those that are over stay until their push can no longer come again. */
export const wakeOf = (leg) => act("wakes", "readonly", (s) => s.get(leg));
export const allWakes = () => act("wakes", "readonly", (s) => s.getAll());
export const keepWake = (leg, value) => act("wakes", "readwrite", (s) => s.put(value, leg));
export const dropWake = (leg) => act("wakes", "readwrite", (s) => s.delete(leg));

/** Recent calls are by call id: {call, direction, name, number, at, seconds, outcome, words, seen}. */
export const calls = async () => (await act("history", "readonly", (s) => s.getAll())).sort((a, b) => b.at - a.at);
export const keepCall = (entry) => act("history", "readwrite", (s) => s.put(entry, entry.call));
export const dropCall = (call) => act("history", "readwrite", (s) => s.delete(call));
export const dropCalls = () => act("history", "readwrite", (s) => s.clear());

/** forget drops everything: this browser is nobody's phone any more. */
export const forget = () => Promise.all(stores.map((name) => act(name, "readwrite", (s) => s.clear())));
