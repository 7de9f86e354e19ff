package control

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"lablab/say"
)

// Capture writes the packets on a host's interface as pcapng. It ends after count packets or after
// duration (0 means no limit), or when ctx or the lab ends. It writes whole blocks only, so the
// file is valid whenever it ends. It returns the number of packets, including the marks of changes.
func (c *Client) Capture(ctx context.Context, host string, count int, duration time.Duration, begun func(), out io.Writer) (packets int, err error) {
	query := url.Values{"host": {host}}
	if count > 0 {
		query.Set("count", strconv.Itoa(count))
	}
	if duration > 0 {
		query.Set("duration", duration.String())
	}
	response, err := c.send(ctx, http.MethodGet, "/v1/capture?"+query.Encode(), nil)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	begun()
	for {
		block, kind, err := readBlock(response.Body)
		switch {
		case ctx.Err() != nil:
			return packets, context.Cause(ctx)
		case errors.Is(err, io.EOF):
			return packets, nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return packets, say.Errorf("%w: %s", ErrCut, c.name)
		case err != nil:
			return packets, say.Errorf("read packets: %w", err)
		}
		if _, err := out.Write(block); err != nil {
			return packets, err
		}
		const enhancedPacket = 6
		if kind == enhancedPacket {
			packets++
		}
	}
}

// readBlock reads a block of pcapng: its type, its length, and the rest.
func readBlock(r io.Reader) (block []byte, kind uint32, err error) {
	const header, longest = 8, 1 << 20 // bytes
	block = make([]byte, header)
	if _, err := io.ReadFull(r, block); err != nil {
		return nil, 0, err
	}
	length := binary.LittleEndian.Uint32(block[4:])
	if length < header || length > longest {
		return nil, 0, say.Errorf("invalid block length: %d bytes", length)
	}
	block = append(block, make([]byte, length-header)...)
	_, err = io.ReadFull(r, block[header:])
	return block, binary.LittleEndian.Uint32(block), err
}
