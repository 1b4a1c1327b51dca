package signal

import (
	"bytes"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// zstdWindow is the largest window of a frame that does not tell its size: what
// RFC 8878 wants every decoder to have, and senders therefore keep to.
const zstdWindow = 8 << 20

// unzstd undoes zstd. The header of a frame tells how much of what was unpacked
// it wants to look back at, which is memory beside the body and counted as such;
// what follows must be content with as much.
func (h *hold) unzstd(raw []byte, most int) ([]byte, *Refusal) {
	const where = "body after zstd"
	var head zstd.Header
	if err := head.Decode(raw); err != nil {
		return nil, Refuse(Malformed, "body", "not zstd: "+err.Error(), "compress it with zstd, as the header says")
	}
	size, window := int64(-1), head.WindowSize
	switch {
	case head.HasFCS && head.FrameContentSize > uint64(most):
		return nil, tooLarge(where, most, "plain_bytes")
	case head.SingleSegment:
		window = head.FrameContentSize
	case head.Skippable:
		window = zstdWindow
	case window > zstdWindow:
		return nil, Refuse(TooLarge, where, fmt.Sprintf("its window is %d bytes, the limit is %d", window, zstdWindow), "compress it at a lower level")
	}
	if head.HasFCS {
		size = int64(head.FrameContentSize)
	}
	window = max(window, zstd.MinWindowSize)
	if ref := h.doors.hold(h.who, int(window), h.most); ref != nil {
		return nil, ref
	}
	defer h.doors.bodies.give(h.who, int64(window))
	zr, err := zstd.NewReader(bytes.NewReader(raw), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(window))
	if err != nil {
		return nil, broken(where, 0, err)
	}
	defer zr.Close()
	return h.readAll(zr, most, size, where, "plain_bytes")
}
