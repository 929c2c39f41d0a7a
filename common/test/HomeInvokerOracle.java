// What a JVM says of names: read by home-invoker.test.ts. Each input line has the UTF-16 code units of an invoking
// namespace and of an action's name as hexadecimal, separated by a space; each output line has the two hash codes, the
// home hash, and for each number of invokers given as argument the home index and the step.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;

public class HomeInvokerOracle {
    static String textOf(String hex) {
        StringBuilder text = new StringBuilder();
        for (int at = 0; at < hex.length(); at += 4) text.append((char) Integer.parseInt(hex.substring(at, at + 4), 16));
        return text.toString();
    }

    static boolean coprime(int a, int b) {
        return BigInteger.valueOf(a).gcd(BigInteger.valueOf(b)).equals(BigInteger.ONE);
    }

    static List<Integer> steps(int size) {
        List<Integer> kept = new ArrayList<>();
        for (int candidate = 1; candidate <= size; candidate++) {
            final int number = candidate;
            if (coprime(number, size) && kept.stream().allMatch(other -> coprime(other, number))) kept.add(number);
        }
        return kept;
    }

    public static void main(String[] sizes) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        StringBuilder answers = new StringBuilder();
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] names = line.split(" ", -1);
            int namespace = textOf(names[0]).hashCode();
            int action = textOf(names[1]).hashCode();
            int hash = Math.abs(namespace ^ action);
            answers.append(namespace).append(' ').append(action).append(' ').append(hash);
            for (String each : sizes) {
                int size = Integer.parseInt(each);
                List<Integer> steps = steps(size);
                answers.append(' ').append(hash % size).append(' ').append(steps.get(hash % steps.size()));
            }
            answers.append('\n');
        }
        System.out.print(answers);
    }
}
