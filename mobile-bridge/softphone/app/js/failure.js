/** Failure is an error with a code of the system's vocabulary (package errs), and words for people. */
export class Failure extends Error {
	constructor(code, words) {
		super(words);
		this.name = "Failure";
		this.code = code;
	}
}

/** failureOf is any error as a Failure. */
export function failureOf(error) {
	return error instanceof Failure ? error : new Failure("internal", error?.message || String(error));
}
