// Package fabric is the messages between the cloud and the nodes, and the NATS client that carries them.
package fabric
