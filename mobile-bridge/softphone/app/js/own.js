// What is the user's, whatever phone they use: what becomes of calls to them, and their voicemail. The cloud keeps the one, the home
// switch the other; this page asks for them when they are looked at, and keeps nothing but the PIN, as long as it is open.
import { own } from "./identity.js";

export class Own {
	wishes = null; // null until they are known
	mailbox = null; // {new, old, items}; items are for who gave the PIN
	trouble = ""; // why there is no mailbox
	pin = "";
	playing = null; // {id, url}
	#me;
	#changed;

	/** changed is called after every change of what is here. */
	constructor(me, changed) {
		this.#me = me;
		this.#changed = changed;
	}

	/** wish changes what is named, and learns how everything is then. */
	async wish(change = {}) {
		this.wishes = (await own(this.#me, { wishes: change })).wishes;
		this.#changed();
	}

	/** look learns how many messages there are, and of whom if the PIN is known. */
	async look(pin = this.pin) {
		try {
			await this.#ask({ pin });
			this.trouble = "";
		} catch (error) {
			if (pin && error.code === "forbidden") { // another one has been set
				this.pin = "";
			} else {
				this.trouble = error.message;
			}
			throw error;
		} finally {
			this.#changed();
		}
		this.pin = pin;
	}

	async play(id) {
		this.stop();
		const speech = await own(this.#me, { mailbox: { pin: this.pin, hear: id } });
		this.playing = { id, url: URL.createObjectURL(speech) };
		this.#changed();
		await this.look();
	}

	stop() {
		if (this.playing) {
			URL.revokeObjectURL(this.playing.url);
			this.playing = null;
			this.#changed();
		}
	}

	/** remove deletes a message for good. */
	async remove(id) {
		if (this.playing?.id === id) {
			this.stop();
		}
		await this.#ask({ pin: this.pin, delete: id });
		this.#changed();
	}

	/** changePIN sets another PIN, or the first one; who chose the first enters it then: it takes a moment to be known to the switch. */
	async changePIN(pin) {
		await this.#ask({ pin: this.pin, new_pin: pin });
		if (this.pin) {
			this.pin = pin;
		}
		this.mailbox.no_pin = false;
		this.#changed();
	}

	/** lock forgets the PIN, and what it showed. */
	lock() {
		this.stop();
		this.pin = "";
		this.mailbox &&= { ...this.mailbox, items: [] };
		this.#changed();
	}

	async #ask(mailbox) {
		this.mailbox = (await own(this.#me, { mailbox })).mailbox;
	}
}
