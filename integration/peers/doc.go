// Package peers proves Strowger with phones that others wrote: baresip and SIPp call each other through the real
// programs, cloud and switches, each in a network namespace of its own. The tests have the build tag peers and need
// root, Linux, and the tools that "./test tools" installs.
package peers
