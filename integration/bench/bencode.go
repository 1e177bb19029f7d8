package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Bencode is the encoding of rtpengine's control protocol (BEP 3): strings as "4:spam", numbers as "i3e", lists as
// "l...e", dictionaries, with sorted keys, as "d...e".

// errBencode is of bytes that are not bencode.
var errBencode = errors.New("not bencode")

// maxNesting is deeper than any answer.
const maxNesting = 32

// encode writes a dictionary of strings.
func encode(dictionary map[string]string) []byte {
	out := []byte("d")
	for _, key := range slices.Sorted(maps.Keys(dictionary)) {
		value := dictionary[key]
		out = fmt.Appendf(out, "%d:%s%d:%s", len(key), key, len(value), value)
	}
	return append(out, 'e')
}

// decode reads one value: a string, an int64, an []any or a map[string]any. Nothing may follow it.
func decode(text []byte) (any, error) {
	value, rest, err := decodeNext(text, maxNesting)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%w: %d bytes after the value", errBencode, len(rest))
	}
	if err != nil {
		return nil, err
	}
	return value, nil
}

func decodeNext(text []byte, depth int) (value any, rest []byte, err error) {
	if len(text) == 0 || depth == 0 {
		return nil, nil, errBencode
	}
	switch text[0] {
	case 'i':
		digits, rest, found := bytes.Cut(text[1:], []byte("e"))
		n, err := strconv.ParseInt(string(digits), 10, 64)
		if !found || err != nil {
			return nil, nil, errBencode
		}
		return n, rest, nil
	case 'l', 'd':
		var list []any
		for rest = text[1:]; len(rest) > 0 && rest[0] != 'e'; {
			var one any
			if one, rest, err = decodeNext(rest, depth-1); err != nil {
				return nil, nil, err
			}
			list = append(list, one)
		}
		if len(rest) == 0 {
			return nil, nil, errBencode
		}
		if text[0] == 'l' {
			return list, rest[1:], nil
		}
		dictionary, err := paired(list)
		return dictionary, rest[1:], err
	}
	length, rest, found := bytes.Cut(text, []byte(":"))
	n, err := strconv.ParseUint(string(length), 10, 31)
	if !found || err != nil || int(n) > len(rest) {
		return nil, nil, errBencode
	}
	return string(rest[:n]), rest[n:], nil
}

// paired makes a dictionary of keys and values in turn.
func paired(list []any) (map[string]any, error) {
	if len(list)%2 != 0 {
		return nil, errBencode
	}
	dictionary := make(map[string]any, len(list)/2)
	for pair := range slices.Chunk(list, 2) {
		key, ok := pair[0].(string)
		if !ok {
			return nil, errBencode
		}
		dictionary[key] = pair[1]
	}
	return dictionary, nil
}
