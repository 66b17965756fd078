package proxy

import "github.com/patchbay-sip/patchbay/transaction"

// cancel is called when the caller sent CANCEL: each branch is cancelled, and
// the final response follows when they have ended (RFC 3261 section 16.10). That
// is a 487 as a rule: of what a branch said, or of our own.
func (c *responseContext) cancel() {
	c.mu.Lock()
	c.canceled = true
	c.stop()
	losers := c.pending()
	c.mu.Unlock()
	cancelAll(losers)
	c.advance()
}

// pending takes the branches of an INVITE that are to be cancelled: those
// without a final response. The transaction sends CANCEL to the ones that have
// had a provisional response, and to the others when they get one (RFC 3261
// section 9.1). A branch that is about to start cancels itself. Other requests
// have no CANCEL: each target gets them, whoever answered first. c.mu is held.
func (c *responseContext) pending() []*transaction.ClientTx {
	if !c.invite {
		return nil
	}
	var txs []*transaction.ClientTx
	for _, b := range c.branches {
		if tx := b.cancel(); tx != nil {
			txs = append(txs, tx)
		}
	}
	return txs
}

// cancel marks a branch as cancelled and returns what is to be cancelled once
// c.mu, which is held, is free.
func (b *branch) cancel() *transaction.ClientTx {
	if b.ended || b.canceled {
		return nil
	}
	b.canceled = true
	return b.tx
}

func cancelAll(txs []*transaction.ClientTx) {
	for _, tx := range txs {
		tx.Cancel()
	}
}
