package webpush

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// open decrypts a message of one record (RFC 8188, 2.1; RFC 8291, 4).
func (s subscription) open(body []byte) ([]byte, error) {
	const saltSize, headSize = 16, 16 + 4 + 1
	if len(body) < headSize || len(body) < headSize+int(body[headSize-1]) {
		return nil, errors.New("aes128gcm: the header is cut off")
	}
	salt, size := body[:saltSize], binary.BigEndian.Uint32(body[saltSize:])
	sender, record := body[headSize:headSize+int(body[headSize-1])], body[headSize+int(body[headSize-1]):]
	if size < 18 || uint64(len(record)) > uint64(size) {
		return nil, fmt.Errorf("aes128gcm: record size %d with %d bytes: want one record", size, len(record))
	}
	from, err := ecdh.P256().NewPublicKey(sender)
	if err != nil {
		return nil, fmt.Errorf("aes128gcm: key id: %w", err)
	}
	secret, err := s.key.ECDH(from)
	if err != nil {
		return nil, err
	}
	// RFC 8291, 3.4.
	info := "WebPush: info\x00" + string(s.key.PublicKey().Bytes()) + string(sender)
	ikm, err := hkdf.Key(sha256.New, secret, s.auth, info, 32)
	if err != nil {
		return nil, err
	}
	key, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, err
	}
	nonce, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	padded, err := gcm.Open(nil, nonce, record, nil)
	if err != nil {
		return nil, errors.New("aes128gcm: not encrypted to this subscription")
	}
	// RFC 8188, 2: the last record ends with a 2 and zeros.
	end := len(padded)
	for end > 0 && padded[end-1] == 0 {
		end--
	}
	if end == 0 || padded[end-1] != 2 {
		return nil, errors.New("aes128gcm: no end of the last record")
	}
	return slices.Clip(padded[:end-1]), nil
}
