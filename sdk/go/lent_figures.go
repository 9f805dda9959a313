package weir

import (
	"math/bits"
	"time"
)

// add puts in what weir does not know.
func (l *lent) add(stats *Stats) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	stats.Queued += int64(l.waiting)
	stats.Noise += l.noise
	stats.Late += l.late
	busy := map[int]bool{}
	for _, worker := range l.workers {
		stats.Running += int64(worker.flights)
		stats.Noise += worker.client.noise.Load()
		stats.Late += worker.client.late.Load()
		busy[worker.pid] = worker.flights > 0
	}
	for i := range stats.Workers {
		if at := &stats.Workers[i]; at.State == "lent" {
			at.State = "ready"
			if busy[at.Pid] {
				at.State = "busy"
			}
		}
	}
	stats.Latency.P50 = l.times.percentile(50)
	stats.Latency.P95 = l.times.percentile(95)
	stats.Latency.P99 = l.times.percentile(99)
	stats.Latency.Max = milliseconds(l.times.most)
}

// latencies is a histogram: a bucket is at most an eighth of its value wide.
type latencies struct {
	buckets [64 * 8]int64
	count   int64
	most    time.Duration
}

func (t *latencies) add(d time.Duration) {
	if d < 0 {
		d = 0
	}
	t.buckets[bucketOf(uint64(d))]++
	t.count++
	if d > t.most {
		t.most = d
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// bucketOf gives the bucket of a number of nanoseconds.
func bucketOf(ns uint64) int {
	if ns < 8 {
		return int(ns)
	}
	high := bits.Len64(ns) - 1
	return (high-2)*8 + int(ns>>(high-3))&7
}

// percentile gives milliseconds: the upper end of the bucket.
func (t *latencies) percentile(percent int64) float64 {
	left := (t.count*percent + 99) / 100
	for i, count := range t.buckets {
		if left -= count; left <= 0 && t.count > 0 {
			top := uint64(i)
			if i >= 8 {
				top = uint64(8+i%8+1)<<(i/8-1) - 1
			}
			if d := time.Duration(top); d < t.most {
				return milliseconds(d)
			}
			return milliseconds(t.most)
		}
	}
	return 0
}
