package tidemill.peers;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.apache.flink.api.common.functions.FlatMapFunction;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.streaming.api.functions.windowing.WindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.TumblingProcessingTimeWindows;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.util.Collector;

/**
 * Word count of a socket in Flink, in tumbling windows of the batch interval: {@code FlinkWordCount
 * plain|bundled PORT INTERVAL_MS}.
 *
 * <p>Plain sends every word to the window as a record of its own. Bundled counts a thousand lines
 * by hand before it does, which is what reduceByKey of Spark and Tidemill do by themselves. The
 * delay of a window is from its end until its last result has reached the sink; Flink reads no
 * faster than it counts, so what it cannot keep up with shows at the feeder.
 */
public final class FlinkWordCount {
    private static final int LINES_OF_BUNDLE = 1_000;

    private FlinkWordCount() {}

    /** Runs until standard input ends. */
    public static void main(String[] arguments) throws Exception {
        boolean bundled = arguments[0].equals("bundled");
        int port = Integer.parseInt(arguments[1]);
        Duration interval = Duration.ofMillis(Long.parseLong(arguments[2]));
        int cores = Runtime.getRuntime().availableProcessors();
        StreamExecutionEnvironment environment =
                StreamExecutionEnvironment.createLocalEnvironment(cores, new Configuration());
        environment.getConfig().enableObjectReuse();

        DataStream<String> lines = environment.socketTextStream("127.0.0.1", port);
        lines.flatMap(bundled ? new Bundle() : new Split())
                .returns(Types.TUPLE(Types.STRING, Types.LONG))
                .keyBy(pair -> pair.f0, Types.STRING)
                .window(TumblingProcessingTimeWindows.of(interval))
                .reduce(
                        (left, right) -> new Tuple2<>(left.f0, left.f1 + right.f1),
                        new WithEnd(),
                        Types.TUPLE(Types.LONG, Types.LONG))
                .map(new Tell(cores))
                .returns(Types.LONG)
                .sinkTo(new DiscardingSink<>());
        BatchLine.atEndOfInput(() -> System.exit(0));
        environment.execute("word count");
    }

    private static final class Split implements FlatMapFunction<String, Tuple2<String, Long>> {
        @Override
        public void flatMap(String line, Collector<Tuple2<String, Long>> out) {
            for (String word : line.split(" ")) {
                out.collect(new Tuple2<>(word, 1L));
            }
        }
    }

    private static final class Bundle implements FlatMapFunction<String, Tuple2<String, Long>> {
        private transient Map<String, Long> counts;
        private transient int lines;

        @Override
        public void flatMap(String line, Collector<Tuple2<String, Long>> out) {
            if (counts == null) {
                counts = new HashMap<>();
            }
            for (String word : line.split(" ")) {
                counts.merge(word, 1L, Long::sum);
            }
            lines++;
            if (lines >= LINES_OF_BUNDLE) {
                counts.forEach((word, count) -> out.collect(new Tuple2<>(word, count)));
                counts.clear();
                lines = 0;
            }
        }
    }

    /** The end of the window, and the count of one word in it. */
    private static final class WithEnd
            implements WindowFunction<Tuple2<String, Long>, Tuple2<Long, Long>, String, TimeWindow> {
        @Override
        public void apply(
                String word,
                TimeWindow window,
                Iterable<Tuple2<String, Long>> counts,
                Collector<Tuple2<Long, Long>> out) {
            for (Tuple2<String, Long> count : counts) {
                out.collect(new Tuple2<>(window.getEnd(), count.f1));
            }
        }
    }

    private static final class Tell extends RichMapFunction<Tuple2<Long, Long>, Long> {
        private final int subtasks;
        private transient int subtask;

        Tell(int subtasks) {
            this.subtasks = subtasks;
        }

        @Override
        public void open(OpenContext context) {
            subtask = getRuntimeContext().getTaskInfo().getIndexOfThisSubtask();
        }

        @Override
        public Long map(Tuple2<Long, Long> result) {
            Windows.heard(subtask, subtasks, result.f0, result.f1);
            return result.f1;
        }
    }
}
