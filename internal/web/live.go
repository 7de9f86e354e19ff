package web

// Live is the page without a timeline, to be fed while a lab runs.
func Live() []byte {
	return []byte("<!doctype html><html lang=en><title>lablab</title><script>0</script><style>p{}</style>")
}
