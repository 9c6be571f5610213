//! Smoke.
use fencepost_protocol::config::*;
use fencepost_protocol::image::TopicSettings;
use fencepost_protocol::pipeline::Guarantee;
use fencepost_protocol::time::Span;
use fencepost_sim::plan::*;
use fencepost_sim::run::*;
use fencepost_sim::world::*;
use std::sync::Arc;

fn topic(name: &str, partitions: u32) -> TopicPlan {
    TopicPlan {
        name: name.into(),
        partitions,
        replication_factor: 3,
        settings: TopicSettings {
            min_insync_replicas: 2,
            unclean_leader_election: false,
            max_message_bytes: 1 << 20,
            segment_bytes: 1 << 30,
        },
        assignment: None,
    }
}
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let seeds: u64 = args.get(1).map_or(1, |s| s.parse().unwrap());
    let first: u64 = args.get(2).map_or(1, |s| s.parse().unwrap());
    let mode = args.get(3).map_or("", |s| s.as_str());
    let mut b = BrokerConfig::default();
    for (k, v) in [
        ("min.insync.replicas", "2"),
        ("transaction.state.log.num.partitions", "3"),
        ("offsets.topic.num.partitions", "3"),
        ("group.initial.rebalance.delay.ms", "100"),
        ("replica.lag.time.max.ms", "10000"),
        ("transaction.abort.timed.out.transaction.cleanup.interval.ms", "2000"),
    ] {
        b.set(k, v).unwrap();
    }
    let mut p = ProducerConfig::default();
    if mode.contains("txn") {
        p.set("transactional.id", "tx").unwrap();
        p.set("transaction.timeout.ms", "8000").unwrap();
    }
    p.set("request.timeout.ms", "5000").unwrap();
    let p = p.resolve().unwrap();
    let mut rc = ConsumerConfig::default();
    for (k, v) in [("auto.offset.reset", "earliest"), ("isolation.level", "read_committed")] {
        rc.set(k, v).unwrap();
    }
    let mut pc = ConsumerConfig::default();
    for (k, v) in [
        ("session.timeout.ms", "6000"),
        ("max.poll.interval.ms", "10000"),
        ("partition.assignment.strategy", "cooperative-sticky"),
        ("request.timeout.ms", "5000"),
    ] {
        pc.set(k, v).unwrap();
    }
    let mut pp = ProducerConfig::default();
    for (k, v) in [("transaction.timeout.ms", "8000"), ("request.timeout.ms", "5000")] {
        pp.set(k, v).unwrap();
    }
    let mut pipelines = vec![];
    if mode.contains("pipe") {
        for (stage, input, output) in [(1u16, "orders", "mid"), (2, "mid", "out")] {
            let mut pc = pc.clone();
            pc.set("group.id", &format!("stage{stage}")).unwrap();
            let mut pp = pp.clone();
            pp.set("transactional.id", &format!("stage{stage}")).unwrap();
            pipelines.push(PipelinePlan {
                name: format!("stage{stage}"),
                members: 2,
                inputs: vec![input.into()],
                output: output.into(),
                stage,
                outputs_per_input: 1,
                guarantee: Guarantee::ExactlyOnceV2,
                commit_interval: Span::from_millis(100),
                processing_time: Span::ZERO,
                group_id_only: false,
                on_unknown: OnUnknown::Keep,
                start: Span::ZERO,
                restart_after: Some(Span::from_secs(1)),
                consumer: pc,
                producer: pp,
            });
        }
    }
    let mut chaos = ChaosPlan::default();
    if mode.contains("chaos") {
        chaos = ChaosPlan {
            delay_ppm: 50_000,
            delay_min: Span::from_micros(100),
            delay_max: Span::from_millis(20),
            late_ppm: 100,
            late_max: Span::from_secs(20),
            lose_request_ppm: 300,
            lose_response_ppm: 300,
            families: vec![
                Family {
                    kind: FamilyKind::BrokerCrash,
                    min: 0,
                    max: 1,
                    shortest: Span::from_millis(200),
                    longest: Span::from_secs(12),
                },
                Family {
                    kind: FamilyKind::PowerLoss,
                    min: 0,
                    max: 1,
                    shortest: Span::from_millis(200),
                    longest: Span::from_secs(12),
                },
                Family {
                    kind: FamilyKind::ClientPause,
                    min: 0,
                    max: 1,
                    shortest: Span::from_secs(1),
                    longest: Span::from_secs(12),
                },
                Family {
                    kind: FamilyKind::ClientCrash,
                    min: 0,
                    max: 1,
                    shortest: Span::from_secs(1),
                    longest: Span::from_secs(12),
                },
                Family {
                    kind: FamilyKind::Partition,
                    min: 0,
                    max: 1,
                    shortest: Span::from_secs(1),
                    longest: Span::from_secs(12),
                },
                Family {
                    kind: FamilyKind::LeaderMove,
                    min: 0,
                    max: 2,
                    shortest: Span::from_secs(1),
                    longest: Span::from_secs(2),
                },
                Family {
                    kind: FamilyKind::BrokerPause,
                    min: 0,
                    max: 1,
                    shortest: Span::from_secs(1),
                    longest: Span::from_secs(12),
                },
            ],
        };
        if mode.contains("norr") {
        } else {
            chaos.families.push(Family {
                kind: FamilyKind::RollingRestart,
                min: 0,
                max: 1,
                shortest: Span::from_millis(500),
                longest: Span::from_secs(2),
            });
        }
    }
    let plan = Arc::new(Plan {
        name: "smoke".into(),
        title: String::new(),
        about: String::new(),
        cluster: ClusterPlan {
            brokers: 3,
            config: Arc::new(b),
            transaction_version: if mode.contains("tv1") { 1 } else { 2 },
            eligible_leader_replicas_version: 1,
            domains: Domains::default(),
            write_back: Span::from_secs(30),
        },
        network: NetworkPlan {
            client_latency: Span::from_micros(500),
            broker_latency: Span::from_micros(300),
            loopback_latency: Span::from_micros(50),
            service_per_message: Span::ZERO,
            service_per_kib: Span::ZERO,
        },
        topics: vec![topic("orders", 2), topic("mid", 2), topic("out", 2)],
        producers: vec![ProducerPlan {
            name: "producer".into(),
            topic: "orders".into(),
            partition: None,
            source: Source::Generated { records: 300, keys: 20, value_bytes: 50 },
            start: Span::ZERO,
            interval: Span::from_millis(30),
            window: 100,
            transaction_records: if mode.contains("txn") { 10 } else { 0 },
            abort_every: if mode.contains("txn") { 4 } else { 0 },
            abandon_transaction: 0,
            transaction_pause: Span::ZERO,
            on_unknown: OnUnknown::Keep,
            restart_after: Some(Span::from_secs(1)),
            config: p,
        }],
        pipelines,
        readers: vec![ReaderPlan {
            name: "reader".into(),
            members: 1,
            topics: vec!["orders".into(), "mid".into(), "out".into()],
            start: Span::ZERO,
            config: rc,
        }],
        faults: vec![],
        chaos,
        end: EndPlan { faults_until: Span::from_secs(20), bound: Span::from_secs(180), delivery_budget: 2_000_000 },
        promises: if mode.contains("txn") { vec![] } else { vec![("orders".into(), Promise::Idempotent)] },
    });
    let t = std::time::Instant::now();
    let mut total = 0;
    for seed in first..first + seeds {
        let mut f = |t: &Traced<'_>| {
            println!("{} {} -> {} {:?}", t.at, t.from, t.to, t.what);
        };
        let r = if mode.contains("trace") {
            run(&plan, Course::Seed(seed), Keep { schedule: true, trace: true }, None, Some(&mut f))
        } else {
            run(&plan, Course::Seed(seed), Keep::default(), None, None)
        };
        total += r.outcome.deliveries;
        let bad = r.report.verdict != fencepost_reports::report::Verdict::Clean;
        if seeds < 5 || bad {
            println!(
                "seed {seed}: {:?} {:?} deliveries {} at {} faults {} digest {}",
                r.report.verdict,
                r.outcome.ending,
                r.outcome.deliveries,
                r.outcome.finished_at,
                r.outcome.faults,
                r.outcome.digest
            );
        }
        if bad || seeds < 3 {
            println!("{:#?}", r.report);
        }
        if mode.contains("trace") {
            for d in &r.outcome.recorded {
                println!("DEV {d:?}");
            }
        }
    }
    let e = t.elapsed();
    println!(
        "{total} deliveries in {e:?}: {:.0}/s, {:.0} seeds/s",
        total as f64 / e.as_secs_f64(),
        seeds as f64 / e.as_secs_f64()
    );
}
