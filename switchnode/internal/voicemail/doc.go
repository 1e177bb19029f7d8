// Package voicemail is the messages that callers leave for users of a switch: what is kept of them on its disk, and what is said to
// who leaves one and to who listens.
//
// # The Store
//
// Nothing plain is on disk. A folder has the file "master", 32 random bytes that only the switch's own account may read, and a folder
// per mailbox, named by its user:
//
//	key      the key of the mailbox, sealed by the master key
//	index    what messages there are, who left them and when, and how often the PIN was wrong: JSON, sealed, replaced as a whole
//	ID.msg   a message
//	ID.part  a message that is being recorded
//
// Sealed is AES-256-GCM. Of key and index: a random nonce of 12 bytes, then ciphertext and tag. A message has a key of its own, by
// HKDF-SHA256 from the mailbox's and its id; it is the line "strowger voicemail 1", then records: the length of what follows (4 bytes, big
// endian), ciphertext and tag, with the number of the record as nonce. The first is the Envelope in JSON, each other one a second of
// speech in G.722.
//
// What a crash leaves: a .part that the index does not name is a recording that was cut off, and becomes a message as far as it is on
// disk; one that it names is whole, and was about to be renamed; a .msg that it does not name was deleted. Whoever reads a mailbox takes
// an immutable snapshot; who changes one waits for their turn.
//
// # The menus
//
// What is said and which keys do what is in two pure machines: Visit for who leaves a message, Desk for who listens.
package voicemail
