package tidemill.peers;

import java.util.Map;
import java.util.TreeMap;

/** The windows of which results have come, told when every subtask is past them. */
final class Windows {
    private static final int WORDS_OF_LINE = 10;
    private static final TreeMap<Long, Window> OPEN = new TreeMap<>();
    private static long[] reached;

    private static final class Window {
        private long words;
        private long lastMs;
    }

    private Windows() {}

    /** Takes one result of a window. */
    static synchronized void heard(int subtask, int subtasks, long endMs, long words) {
        if (reached == null) {
            reached = new long[subtasks];
        }
        Window window = OPEN.computeIfAbsent(endMs, end -> new Window());
        window.words += words;
        window.lastMs = System.currentTimeMillis();
        if (endMs > reached[subtask]) {
            reached[subtask] = endMs;
            tell();
        }
    }

    private static void tell() {
        long past = Long.MAX_VALUE;
        for (long end : reached) {
            past = Math.min(past, end);
        }
        while (!OPEN.isEmpty() && OPEN.firstKey() < past) {
            Map.Entry<Long, Window> first = OPEN.pollFirstEntry();
            long endMs = first.getKey();
            Window window = first.getValue();
            // No result tells when the last one of its window has come, so a window is told with
            // the next one; its delay is still its own.
            BatchLine.say(
                    endMs, window.words / WORDS_OF_LINE, window.lastMs - endMs, 0, window.words);
        }
    }
}
