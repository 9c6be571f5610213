// What a person does with the page: opens it, steps, scrubs, follows a proof, filters, searches, sends a link.
import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const out = new URL("out/", import.meta.url).pathname;
const browser = await chromium.launch({ executablePath: process.env.BROWSER, args: ["--no-sandbox"] });
const shots = process.env.SHOTS;

async function open(name, { fragment = "", scheme = "light", width = 1280, height = 800 } = {}) {
  const page = await browser.newPage({ viewport: { width, height }, colorScheme: scheme });
  page.errors = [];
  page.on("pageerror", (e) => page.errors.push(e.message));
  page.on("request", (r) => { if (!/^(file|data|blob):/.test(r.url())) page.errors.push(`asks the network for ${r.url()}`); });
  await page.goto(pathToFileURL(`${out}${name}.html`).href + (fragment ? `#${fragment}` : ""));
  await settle(page);
  if (shots) await page.screenshot({ path: `${shots}/${name}-${scheme}-${width}.png` });
  return page;
}
/** The page of another run, made from the data of one that there is. */
function remake(from, to, change) {
  const [, before, json, after] = readFileSync(`${out}${from}.html`, "utf8").match(/^([\s\S]*?id="data">)([\s\S]*?)(<\/script>[\s\S]*)$/);
  const data = JSON.parse(json);
  change(data);
  writeFileSync(`${out}${to}.html`, before + JSON.stringify(data).replaceAll("<", "\\u003c") + after);
}
const settle = (page) => page.waitForTimeout(200);
const clock = (page) => page.textContent("#clock");
const drawn = (page) => page.$$eval("g.m", (list) => list.length);
const state = (page) => page.evaluate(() => ({ t: window.story.S.t, sel: window.story.S.sel }));
async function done(page) { assert.deepEqual(page.errors, [], "the page has no errors and asks for nothing"); await page.close(); }

const tests = {
  async "a shrunk run is small, and opens where it went wrong"() {
    assert.ok(statSync(`${out}lost-ack.html`).size < 1_000_000);
    const page = await open("lost-ack");
    assert.equal(await page.textContent("#verdict"), "violated");
    assert.equal(await drawn(page), 4, "two requests, a lost answer and one that arrived");
    assert.equal(await page.locator(".msg.lost").count(), 1);
    assert.equal(await page.locator(".cross").count(), 1, "the lost answer ends in a cross");
    assert.match(await page.textContent("#strips"), /copies of 0–9/);
    await done(page);
  },
  async "a link of the proof moves the diagram to that record"() {
    const page = await open("lost-ack");
    await page.click('a.link:text("sales-0@0")');
    await settle(page);
    const first = await state(page);
    await page.click('a.link:text("sales-0@10")');
    await settle(page);
    const second = await state(page);
    assert.ok(second.t > first.t && first.sel >= 0 && second.sel > first.sel);
    assert.match(await page.textContent("#now"), /till/);
    await done(page);
  },
  async "scrubbing moves records, high watermark and last stable offset"() {
    const page = await open("aborted-leak");
    const label = async () => page.getAttribute(".strip svg", "aria-label");
    await page.keyboard.press("Home");
    await settle(page);
    assert.match(await label(), /: 0 offsets, high watermark 0/);
    await page.keyboard.press("End");
    await settle(page);
    assert.match(await label(), /high watermark 44, last stable offset 44/);
    await page.click('a.link:text-matches("transfers-0@1[0-9]")');
    await settle(page);
    for (let i = 0; i < 3; i++) await page.keyboard.press("]");
    await settle(page);
    assert.match(await label(), /last stable offset 11/, "the open transaction holds the last stable offset");
    const box = await page.locator("#overview").boundingBox();
    const before = await clock(page);
    await page.mouse.click(box.x + box.width * 0.8, box.y + 10);
    await settle(page);
    assert.notEqual(await clock(page), before);
    await done(page);
  },
  async "the logs of internal topics are shown on demand, and what their records say"() {
    const page = await open("zombie-fixed");
    const names = () => page.$$eval(".strip .name", (list) => list.map((x) => x.firstChild.textContent));
    await page.keyboard.press("End");
    await settle(page);
    const before = await names();
    assert.ok(before.length > 0 && !before.some((n) => n.startsWith("__")), `not shown unless asked for: ${before}`);
    await page.click("[data-internal]");
    await settle(page);
    const after = await names();
    assert.ok(after.some((n) => n.startsWith("__transaction_state-")) && after.some((n) => n.startsWith("__consumer_offsets-")), `${after}`);
    const tips = await page.$$eval('.strip [data-tip*="__"]', (list) => list.map((x) => x.dataset.tip));
    assert.ok(tips.some((t) => /: PrepareCommit, pid \d+ e\d+/.test(t)), "a state of the transaction");
    assert.ok(tips.some((t) => /next \d+/.test(t)), "a committed offset");
    await page.waitForFunction(() => location.hash.includes("internal=1"));
    const again = await open("zombie-fixed", { fragment: page.url().split("#")[1] });
    assert.deepEqual((await again.$$eval(".strip .name", (list) => list.map((x) => x.firstChild.textContent))), after, "the address keeps it");
    if (shots) await again.screenshot({ path: `${shots}/internal.png`, fullPage: true });
    await done(again);
    await page.click("[data-internal]");
    await settle(page);
    assert.deepEqual(await names(), before);
    await done(page);
  },
  async "an account outside Kafka has charges and no watermarks, and what is wrong with it is told in words"() {
    const page = await open("edge");
    assert.equal(await page.textContent("#why .sentence"), "10 charges too many.");
    const label = await page.getAttribute(".strip svg", "aria-label");
    assert.match(label, /^bank: \d+ charges$/);
    assert.doesNotMatch(await page.textContent(".strip >> nth=0"), /HW|LSO/);
    await page.click('a.link:text("bank@10")');
    await settle(page);
    assert.match(await page.textContent("#now"), /a charge for record 10 of shop/);
    await done(page);
  },
  async "what happened is told with faults, errors and reasons, and opens where a fault that was counted on never began"() {
    remake("lost-ack", "happened", ({ judgement }) => {
      judgement.warnings = ["fault 'x' never began"];
      judgement.happened = {
        records: "sent 10: 7 acknowledged, 3 failed; visible 7",
        clients: [["till", "sent 10"], ["audit", "never ran"]],
        faults: [{ words: "the answer is lost", fate: "fired at 0.014 s" }, { words: "a <crash>", fate: "never: 1 of 3 EndTxn seen", amiss: true }],
        drawn: "2 faults drawn from the seed, none fired",
        errors: [{ error: "NOT_ENOUGH_REPLICAS", call: "send()", client: "till", count: 1234, first: 2_100_000_000 }],
        routine: [{ error: "MEMBER_ID_REQUIRED", call: "JoinGroup", client: "audit", count: 1, first: 5_000_000 }],
        reasons: [{ words: "till: 20 transactions aborted (at its own request)", usual: true }, { words: "till: fenced (by till-2)" }],
      };
    });
    const page = await open("happened");
    assert.equal(await page.getAttribute("#happened", "open"), "");
    const text = await page.textContent("#happened");
    for (const words of ["3 failed", "audit: never ran", "fired at 0.014 s", "a <crash>: never: 1 of 3 EndTxn seen", "none fired", "NOT_ENOUGH_REPLICAS", "1,234", "2.100 s", "MEMBER_ID_REQUIRED"]) assert.ok(text.includes(words), `${words}: ${text}`);
    assert.ok(text.indexOf("fenced (by till-2)") < text.indexOf("at its own request"), "what is unusual stands first");
    assert.equal(await page.locator("#happened li.amiss").count(), 1);
    assert.match(await page.textContent("#why"), /Warning: fault 'x' never began/);
    await done(page);
    const quiet = await open("lost-ack");
    assert.equal(await quiet.getAttribute("#happened", "open"), null, "where nothing is amiss it is folded");
    await done(quiet);
  },
  async "a vacuous verdict says what was not put to the test"() {
    remake("lost-ack", "vacuous", ({ judgement }) => Object.assign(judgement, { verdict: "vacuous", findings: [], untested: ["nothing is owed to topic sales"] }));
    const page = await open("vacuous");
    assert.equal(await page.textContent("#verdict"), "vacuous");
    assert.equal(await page.textContent("#why .sentence"), "Nothing wrong was seen, but not all was put to the test.");
    assert.match(await page.textContent("#why"), /Not put to the test: nothing is owed to topic sales/);
    await done(page);
  },
  async "every kind of finding is told in words"() {
    remake("lost-ack", "kinds", ({ judgement }) => {
      judgement.findings = ["unprocessed", "unowned", "unanswered", "wrong-value"].map((kind, n) => ({ kind, count: n + 1, words: kind, allowed: false, proofs: [] }));
    });
    const page = await open("kinds");
    assert.equal(await page.textContent("#why .sentence"), "1 input was neither processed nor skipped on purpose; 2 partitions have no owner in their group; 3 calls have no outcome; 4 records have other values than what made them gives.");
    await done(page);
  },
  async "a page opens at what its first proof ends with, where that comes before copies"() {
    const page = await open("late-commit");
    const there = await state(page);
    assert.match(await page.textContent("#now"), /Fetch answer/);
    await page.click('#why .proof >> nth=0 >> a.link:text-matches("s$")');
    await settle(page);
    assert.equal((await state(page)).t, there.t, "the time at which the reader was given too much");
    await done(page);
  },
  async "keys and buttons step through messages, both ways"() {
    const page = await open("lost-ack");
    await page.keyboard.press("Home");
    await page.keyboard.press("ArrowRight");
    await settle(page);
    const first = await state(page);
    await page.keyboard.press("ArrowRight");
    await settle(page);
    const second = await state(page);
    assert.ok(second.sel > first.sel);
    assert.match(await page.textContent("#now"), /lost/);
    await page.click("#prev");
    await settle(page);
    assert.equal((await state(page)).sel, first.sel);
    const t = (await state(page)).t;
    await page.click("#forth");
    await settle(page);
    assert.equal((await state(page)).t, t + 1e6);
    await done(page);
  },
  async "filters by purpose, node, transaction and kind leave what passes"() {
    const page = await open("aborted-leak");
    await page.click("#fit");
    await settle(page);
    const all = await drawn(page);
    await page.click('.chip:has-text("consume")');
    await settle(page);
    const fewer = await drawn(page);
    assert.ok(fewer < all && fewer > 0);
    await page.selectOption("#f-kind", "EndTxn");
    await settle(page);
    await page.click("#fit");
    await settle(page);
    assert.equal(await drawn(page), 8, "four transactions are ended, with four answers");
    await page.selectOption("#f-txn", "1");
    await settle(page);
    assert.equal(await drawn(page), 2);
    await page.keyboard.press("Escape");
    await page.locator("#spacetime").focus();
    await page.keyboard.press("Escape");
    await page.selectOption("#f-node", { label: "ledger" });
    await settle(page);
    const names = await page.$$eval("svg .name", (list) => list.map((e) => e.textContent));
    assert.ok(names.includes("ledger"));
    await done(page);
  },
  async "search finds messages that filters hide, and shows them"() {
    const page = await open("lost-ack");
    await page.keyboard.press("/");
    await page.keyboard.type("BrokerRegistration");
    await page.keyboard.press("Enter");
    await settle(page);
    assert.match(await page.textContent("#found summary"), /found/);
    assert.match(await page.textContent("#now"), /BrokerRegistration/);
    await done(page);
  },
  async "hovering a message tells it in full"() {
    const page = await open("lost-ack");
    const box = await page.locator("g.m .hit").first().boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    assert.match(await page.textContent("#tip"), /acks=all|stored at/);
    await done(page);
  },
  async "the address opens at the same event"() {
    const page = await open("rolling-restart");
    await page.keyboard.press("g");
    await page.keyboard.press("ArrowRight");
    await settle(page);
    const there = await state(page), fragment = new URL(page.url()).hash.slice(1);
    await done(page);
    const again = await open("rolling-restart", { fragment });
    assert.deepEqual(await state(again), there);
    await done(again);
    const event = await open("rolling-restart", { fragment: `e=${there.sel}` });
    assert.equal((await state(event)).sel, there.sel);
    await done(event);
  },
  async "transactions, pauses and fencing are drawn where they bite"() {
    const page = await open("zombie-fixed");
    assert.ok(await page.locator("g.txn").count() > 0);
    const bands = await page.evaluate(() => window.story.D.bands.map((b) => b.kind));
    assert.ok(bands.includes("paused"));
    assert.ok(await page.locator("svg rect.band").count() > 0, "it opens where the pause begins");
    await done(page);
    remake("aborted-leak", "fenced", (data) => { data.fences = [{ lane: 0, t: data.focus, error: "PRODUCER_FENCED" }]; });
    const fenced = await open("fenced");
    assert.equal(await fenced.locator(".fence").count(), 1);
    await done(fenced);
  },
  async "dark, small and printed pages are drawn too"() {
    await done(await open("rolling-restart", { scheme: "dark" }));
    await done(await open("aborted-leak", { width: 760, height: 900 }));
    const page = await open("lost-ack");
    const pdf = await page.pdf({ format: "A4", landscape: true });
    assert.ok(pdf.length > 10_000);
    await done(page);
  },
  async "what if: two runs side by side stand at their first difference, and move together"() {
    const page = await open("pair", { width: 1400, height: 800 });
    await page.waitForTimeout(800);
    const squeezed = await page.$eval("header", (h) => h.scrollHeight - h.clientHeight);
    assert.ok(squeezed <= 1, `what there is to say stands above the runs, whole: ${squeezed} px are hidden`);
    assert.match(await page.textContent("header"), /violated \d+ duplicates.*clean/s);
    assert.match(await page.textContent("header"), /without: at 3\.4s: enrich-1 stands still for 10s/);
    const [left, right] = page.frames().slice(1);
    const places = () => Promise.all([left, right].map((f) => f.evaluate(() => window.story.S.t)));
    const [a, b] = await places();
    assert.equal(a, b, "both stand where they part");
    await left.click("#forth");
    await page.waitForTimeout(400);
    assert.deepEqual(await places(), [a + 1e6, a + 1e6], "one follows the other");
    await page.uncheck("#together");
    await right.click("#forth");
    await page.waitForTimeout(400);
    assert.deepEqual(await places(), [a + 1e6, a + 2e6]);
    const again = await open("pair", { fragment: new URL(page.url()).hash.slice(1) });
    await again.waitForTimeout(800);
    const [l, r] = again.frames().slice(1);
    assert.deepEqual(await Promise.all([l, r].map((f) => f.evaluate(() => window.story.S.t))), [a + 1e6, a + 2e6], "a link opens both where they were");
    await done(again);
    await done(page);
  },
  async "a hundred thousand messages do not freeze it"() {
    remake("everything", "large", (data) => {
      const once = data.messages, runs = Math.ceil(110_000 / once.length), last = once.reduce((t, m) => t + m[0], 0);
      data.messages = [];
      for (let i = 0; i < runs; i++) once.forEach((m, n) => data.messages.push(n === 0 && i > 0 ? [m[0] + data.end - last, ...m.slice(1)] : m));
      data.end *= runs;
    });
    const began = Date.now();
    const page = await open("large");
    const opened = Date.now() - began;
    assert.ok((await page.evaluate(() => window.story.M.length)) > 100_000);
    await page.click("#fit");
    const zoomed = Date.now();
    await settle(page);
    await page.evaluate(() => new Promise(requestAnimationFrame));
    const took = Date.now() - zoomed;
    assert.ok(opened < 15_000 && took < 8_000, `opened in ${opened} ms, drew all in ${took} ms`);
    console.log(`     (opened in ${opened} ms, drew everything in ${took} ms)`);
    for (let i = 0; i < 10; i++) await page.keyboard.press("+");
    await page.keyboard.press("ArrowRight");
    await settle(page);
    assert.ok(await drawn(page) > 0);
    await done(page);
  },
  async "a lesson shows its line, folds its answers, and opens both runs in the page, in its own theme"() {
    const page = await open("lesson", { scheme: "dark" });
    assert.match(await page.textContent(".diff ins"), /enable\.idempotence = true/);
    assert.equal(await page.locator(".picture").count(), 2);
    assert.equal(await page.locator(".picture .cross").count(), 2, "the answer is lost in both runs");
    assert.equal(await page.locator(".picture .record.flawed").count(), 10);
    assert.equal(await page.isVisible(".said"), false);
    await page.locator(".questions summary").first().click();
    assert.equal(await page.isVisible(".said"), true);
    for (const [run, verdict] of [["broken", "violated"], ["fixed", "clean"]]) {
      await page.click(`[data-run="${run}"]`);
      const frame = page.frameLocator("#stage iframe");
      await frame.locator("g.m").first().waitFor();
      assert.equal(await frame.locator("#verdict").textContent(), verdict);
      assert.equal(await frame.locator("html").getAttribute("data-theme"), "dark");
    }
    await page.click("#theme");
    await settle(page);
    assert.equal(await page.frameLocator("#stage iframe").locator("html").getAttribute("data-theme"), "light");
    await done(page);
  },
  async "a lesson fits a narrow window, and unfolds on paper"() {
    const page = await open("lesson", { width: 400 });
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    await page.emulateMedia({ media: "print" });
    await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
    assert.equal(await page.locator(".said >> visible=true").count(), 3);
    assert.equal(await page.isVisible("#stage"), false);
    await done(page);
  },
};

let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    await test();
    console.log(`ok   ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAIL ${name}\n     ${String(error.message).replaceAll("\n", "\n     ")}`);
  }
}
await browser.close();
console.log(failed ? `${failed} of ${Object.keys(tests).length} page tests failed` : `all ${Object.keys(tests).length} page tests passed`);
process.exit(failed ? 1 : 0);
