// The part of the phone that a push wakes when no page is open: it tells the switch that this device rings, and the user who
// calls. Who answers opens a page, which takes the call over.
import { Call } from "./js/call.js";
import { believe, done, first, record } from "./js/wake.js";
import * as store from "./js/store.js";

const shell = "shell-1";
const handOver = 1_000; // ms that an open page has to take a call

// JsSIP wants to see WebRTC before it rings. Nothing here answers.
globalThis.RTCPeerConnection ??= class {};

const calls = new Map(); // that ring here, by leg

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (e) => e.waitUntil(self.clients.claim()));

// The page comes from the server while that is there, and from the last visit while it is not.
self.addEventListener("fetch", (e) => {
	const url = new URL(e.request.url);
	if (e.request.method === "GET" && url.origin === location.origin && !url.pathname.startsWith("/api/") && url.pathname !== "/bridge.json") {
		e.respondWith(freshOrKept(e.request));
	}
});

async function freshOrKept(request) {
	const kept = await caches.open(shell);
	const key = request.mode === "navigate" ? "/" : request;
	try {
		const fresh = await fetch(request);
		if (fresh.ok) {
			await kept.put(key, fresh.clone());
		}
		return fresh;
	} catch (error) {
		return (await kept.match(key)) ?? Response.error();
	}
}

self.addEventListener("push", (e) => e.waitUntil(pushed(new Uint8Array(e.data?.arrayBuffer() ?? []))));

async function pushed(payload) {
	let believed;
	try {
		believed = await believe(payload);
	} catch (error) {
		if (error.code === "key-expired" && error.claims) {
			await missedLate(error);
		}
		return; // what the organization has not signed for this very device is nobody's call
	}
	if (believed?.claims.notice) {
		await missedLate(believed);
		return;
	}
	if (!believed || (await taken(believed))) {
		return;
	}
	if (await first(believed)) {
		await ring(believed);
	}
}

/** taken asks the pages that are open whether one of them takes the call. */
async function taken({ wake, claims }) {
	const pages = await self.clients.matchAll({ type: "window" });
	const answers = pages.map((page) => new Promise((resolve) => {
		const { port1, port2 } = new MessageChannel();
		port1.onmessage = ({ data }) => data === "taken" && resolve(true);
		page.postMessage({ type: "wake", wake, claims }, [port2]);
	}));
	const late = new Promise((resolve) => setTimeout(() => resolve(false), handOver));
	return answers.length > 0 && Promise.race([...answers, late]);
}

async function ring({ me, wake, claims }) {
	const call = new Call(me, wake, claims);
	calls.set(claims.jti, call);
	const over = new Promise((resolve) => call.addEventListener("change", async () => {
		if (call.state === "ringing") {
			await announce(claims);
		} else if (call.over) {
			resolve();
		}
	}));
	await call.ring();
	await over;
	calls.delete(claims.jti);
	await closeNotices(claims.call);
	if (call.end) { // else a page has it
		await done(claims, wake);
		await store.keepCall(record(call));
		if (call.end.kind !== "declined" && !call.end.code.endsWith("elsewhere")) {
			await announceMissed(record(call));
		}
	}
}

const who = ({ name, number }) => name || number || "Unknown caller";

const announce = (claims) => self.registration.showNotification(who(claims.from), {
	body: claims.from.name ? `Incoming call · ${claims.from.number}` : "Incoming call",
	tag: claims.call, renotify: true, requireInteraction: true, icon: "/icons/icon-192.png", badge: "/icons/badge-96.png", vibrate: [400, 200, 400, 200, 400],
	data: { leg: claims.jti }, actions: [{ action: "answer", title: "Answer" }, { action: "decline", title: "Decline" }],
});

const announceMissed = (entry) => self.registration.showNotification("Missed call", {
	body: `${who(entry)}${entry.words ? ` · ${entry.words}` : ""}`, tag: `missed-${entry.number}`, icon: "/icons/icon-192.png", badge: "/icons/badge-96.png",
	data: { missed: true },
});

const announceHelp = (claims) => self.registration.showNotification("Emergency call", {
	body: claims.notice, tag: `help-${claims.call}`, renotify: true, requireInteraction: true, icon: "/icons/icon-192.png", badge: "/icons/badge-96.png",
	vibrate: [400, 200, 400], data: { missed: true },
});

async function missedLate({ claims, message }) {
	if (await first({ wake: null, claims })) {
		await done(claims, null);
		const entry = {
			call: claims.call, direction: "incoming", name: claims.from.name ?? "", number: claims.from.number, at: claims.iat * 1000,
			seconds: 0, outcome: "missed", code: claims.notice ? "emergency" : "key-expired", words: claims.notice ?? message, seen: false,
		};
		await store.keepCall(entry);
		await (claims.notice ? announceHelp(claims) : announceMissed(entry));
	}
}

async function closeNotices(tag) {
	for (const notice of await self.registration.getNotifications({ tag })) {
		notice.close();
	}
}

self.addEventListener("notificationclick", (e) => {
	e.notification.close();
	e.waitUntil(clicked(e.action, e.notification.data ?? {}));
});

async function clicked(action, { leg, missed }) {
	if (action === "decline") {
		calls.get(leg)?.hangUp();
		(await self.clients.matchAll({ type: "window" })).forEach((page) => page.postMessage({ type: "decline", leg }));
		return;
	}
	const [page] = await self.clients.matchAll({ type: "window" });
	if (page) {
		page.postMessage({ type: action === "answer" ? "answer" : missed ? "recents" : "show", leg });
		await page.focus();
		return;
	}
	await self.clients.openWindow(missed ? "/#recents" : action === "answer" ? `/#answer=${leg}` : "/");
}

// A page that takes a call over says so: its connection takes the place of the one here.
self.addEventListener("message", (e) => {
	if (e.data?.type === "mine") {
		calls.get(e.data.leg)?.leave();
		e.waitUntil(closeNotices(e.data.call));
	}
});
