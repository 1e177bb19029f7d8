// Microphone, loudspeaker, the camera that reads QR codes, and how good a call is.

const audio = (device) => ({ echoCancellation: true, noiseSuppression: true, autoGainControl: true, ...(device && { deviceId: { ideal: device } }) });

/** openMicrophone asks for the microphone, as a Failure in words if there is none. */
export async function openMicrophone(settings) {
	try {
		return await navigator.mediaDevices.getUserMedia({ audio: audio(settings.microphone) });
	} catch (error) {
		throw new Error({
			NotAllowedError: "This page may not use the microphone. Allow it beside the address, then try again.",
			NotFoundError: "No microphone is connected.",
			NotReadableError: "Another program uses the microphone.",
		}[error.name] ?? `The microphone cannot be used: ${error.message}`);
	}
}

export const openCamera = () => navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });

/** devices lists what there is: {microphone, speaker, camera}, each a list of {id, label}. */
export async function devices() {
	const kinds = { audioinput: "microphone", audiooutput: "speaker", videoinput: "camera" };
	const all = { microphone: [], speaker: [], camera: [] };
	for (const d of (await navigator.mediaDevices?.enumerateDevices()) ?? []) {
		const list = all[kinds[d.kind]];
		if (list && d.deviceId) {
			list.push({ id: d.deviceId, label: d.label || `${kinds[d.kind]} ${list.length + 1}` });
		}
	}
	return all;
}

/** Quality reads the statistics of a connection, and says in one word and in figures how the call is. */
export class Quality {
	#last = null;

	async read(connection) {
		const q = { loss: 0, jitter: 0, trip: null, received: 0, sent: 0, codec: "", path: "" };
		const stats = await connection.getStats();
		for (const s of stats.values()) {
			if (s.type === "inbound-rtp" && s.kind === "audio") {
				q.received = s.packetsReceived ?? 0;
				q.lost = s.packetsLost ?? 0;
				q.jitter = (s.jitter ?? 0) * 1000;
				q.codec = stats.get(s.codecId)?.mimeType?.replace("audio/", "") ?? "";
			} else if (s.type === "outbound-rtp" && s.kind === "audio") {
				q.sent = s.packetsSent ?? 0;
			} else if (s.type === "remote-inbound-rtp" && s.kind === "audio") {
				q.trip ??= s.roundTripTime * 1000;
			} else if (s.type === "candidate-pair" && s.nominated && s.state === "succeeded") {
				q.trip ??= s.currentRoundTripTime * 1000;
				q.path = stats.get(s.localCandidateId)?.candidateType ?? "";
			}
		}
		const last = this.#last ?? { received: 0, lost: 0 };
		const [received, lost] = [q.received - last.received, Math.max(0, (q.lost ?? 0) - last.lost)];
		q.loss = received + lost > 0 ? (100 * lost) / (received + lost) : 0;
		q.silent = this.#last !== null && received === 0;
		this.#last = { received: q.received, lost: q.lost ?? 0 };
		q.grade = gradeOf(q);
		return q;
	}
}

/** pairOf says by which pair of addresses the media of a connection go, "host/srflx", ours first; "" if by none yet. */
export async function pairOf(connection) {
	const stats = await connection.getStats();
	const chosen = [...stats.values()].find((s) => s.type === "transport")?.selectedCandidatePairId;
	const pair = stats.get(chosen) ?? [...stats.values()].find((s) => s.type === "candidate-pair" && s.nominated && s.state === "succeeded");
	const [ours, theirs] = [pair?.localCandidateId, pair?.remoteCandidateId].map((id) => stats.get(id)?.candidateType);
	return ours && theirs ? `${ours}/${theirs}` : "";
}

/** gradeOf is how people would hear it (ITU-T G.114 on delay; loss as G.107 weighs it for G.711 and Opus). */
export function gradeOf({ loss, jitter, trip, silent }) {
	switch (true) {
		case silent: return "silent";
		case loss > 5 || jitter > 60 || trip > 500: return "poor";
		case loss > 1 || jitter > 30 || trip > 300: return "fair";
		default: return "good";
	}
}
