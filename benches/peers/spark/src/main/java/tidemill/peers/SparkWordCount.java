package tidemill.peers;

import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.spark.SparkConf;
import org.apache.spark.storage.StorageLevel;
import org.apache.spark.streaming.Duration;
import org.apache.spark.streaming.api.java.JavaPairDStream;
import org.apache.spark.streaming.api.java.JavaReceiverInputDStream;
import org.apache.spark.streaming.api.java.JavaStreamingContext;
import org.apache.spark.streaming.scheduler.BatchInfo;
import org.apache.spark.streaming.scheduler.StreamingListener;
import org.apache.spark.streaming.scheduler.StreamingListenerBatchCompleted;
import scala.Tuple2;

/**
 * Word count of a socket in Spark Streaming: {@code SparkWordCount PORT INTERVAL_MS}.
 *
 * <p>Delays are those of Spark's own BatchInfo. Blocks are kept in memory, once and not serialised,
 * which is the fastest it offers; the receiver has a thread of its own beside one per core.
 */
public final class SparkWordCount {
    /** Spark's own default, and no longer than half a batch. */
    private static final long BLOCK_INTERVAL_MS = 200;

    private SparkWordCount() {}

    /** Runs until standard input ends. */
    public static void main(String[] arguments) throws Exception {
        int port = Integer.parseInt(arguments[0]);
        long intervalMs = Long.parseLong(arguments[1]);
        int cores = Runtime.getRuntime().availableProcessors();
        long blockMs = Math.max(1, Math.min(BLOCK_INTERVAL_MS, intervalMs / 2));
        SparkConf conf = new SparkConf()
                .setMaster("local[" + (cores + 1) + "]")
                .setAppName("word count")
                .set("spark.ui.enabled", "false")
                .set("spark.default.parallelism", String.valueOf(cores))
                .set("spark.streaming.blockInterval", blockMs + "ms");
        JavaStreamingContext context = new JavaStreamingContext(conf, new Duration(intervalMs));
        context.sparkContext().setLogLevel("ERROR");

        JavaReceiverInputDStream<String> lines =
                context.socketTextStream("127.0.0.1", port, StorageLevel.MEMORY_ONLY());
        JavaPairDStream<String, Long> counts = lines
                .flatMap(line -> Arrays.asList(line.split(" ")).iterator())
                .mapToPair(word -> new Tuple2<>(word, 1L))
                .reduceByKey(Long::sum);
        Map<Long, Long> wordsOfBatch = new ConcurrentHashMap<>();
        counts.foreachRDD((batch, time) -> {
            long words = batch.values().aggregate(0L, Long::sum, Long::sum);
            wordsOfBatch.put(time.milliseconds(), words);
        });
        context.addStreamingListener(new Batches(wordsOfBatch));
        BatchLine.atEndOfInput(() -> context.stop(true, true));
        context.start();
        context.awaitTermination();
    }

    private static final class Batches implements StreamingListener {
        private final Map<Long, Long> wordsOfBatch;

        Batches(Map<Long, Long> wordsOfBatch) {
            this.wordsOfBatch = wordsOfBatch;
        }

        @Override
        public void onBatchCompleted(StreamingListenerBatchCompleted completed) {
            BatchInfo batch = completed.batchInfo();
            long timeMs = batch.batchTime().milliseconds();
            Long words = wordsOfBatch.remove(timeMs);
            BatchLine.say(
                    timeMs,
                    batch.numRecords(),
                    delay(batch.totalDelay()),
                    delay(batch.schedulingDelay()),
                    words == null ? 0 : words);
        }

        private static double delay(scala.Option<Object> delay) {
            return delay.isDefined() ? ((Long) delay.get()).doubleValue() : 0;
        }
    }
}
