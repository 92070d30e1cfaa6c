package tidemill.peers;

import java.io.IOException;

/** What the benches and a peer say to each other: a line a batch, and the end of input to stop. */
final class BatchLine {
    private BatchLine() {}

    /** Tells of a batch that is done. */
    static synchronized void say(
            long timeMs, long rows, double totalMs, double schedulingMs, long words) {
        System.out.println(
                "{\"time_ms\":" + timeMs + ",\"rows\":" + rows + ",\"total_ms\":" + totalMs
                        + ",\"scheduling_ms\":" + schedulingMs + ",\"words\":" + words + "}");
    }

    /** Runs the action when standard input ends. */
    static void atEndOfInput(Runnable action) {
        Thread watch = new Thread(() -> {
            try {
                while (System.in.read() >= 0) {
                    // Nothing is ever written there.
                }
            } catch (IOException closed) {
                // As good as its end.
            }
            action.run();
        });
        watch.setDaemon(true);
        watch.start();
    }
}
