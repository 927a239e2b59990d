// Package kata names what else is packed.
package kata

import _ "golang.org/x/sync/errgroup"
