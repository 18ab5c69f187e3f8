//! How the cost of a step grows with the number of traders, with a native host; and bytes per agent.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use palisade_engine::action::Value;
use palisade_engine::host::{Ask, Hook, Replies};
use palisade_engine::mechanisms::ALL;
use palisade_engine::registry::Kind;
use palisade_engine::{Options, Simulation};
use palisade_tests::hosts::{Native, handle, honest_nodes, intent, own_field};
use palisade_tests::worlds::crowd;

fn native(simulation: &Simulation) -> impl FnMut(&Ask<'_>, &mut Replies) + use<> {
    let registry = simulation.registry().clone();
    let honest = honest_nodes(&registry);
    let (size, equity) = (own_field(&registry, "size"), own_field(&registry, "equity"));
    let mark =
        registry.public.iter().position(|field| field.of == Kind::Market && field.name == "mark").expect("a mark");
    let template = intent(&registry, 0, 0, "open", &[handle(Kind::Market, 0), Value::Number(0.0)]);
    move |ask, replies| {
        honest(ask, replies);
        if ask.hook != Hook::Decide {
            return;
        }
        let mark = ask.public.value(mark, 0);
        let (Some(sizes), Some(equities)) = (ask.own.column(size, 0, 0), ask.own.column(equity, 0, 0)) else { return };
        for (row, (size, equity)) in sizes.iter().zip(equities).enumerate() {
            if mark <= 0.0 {
                continue;
            }
            let side = if (ask.keys[row] ^ ask.now.step) & 1 == 0 { 1.0 } else { -1.0 };
            let want = side * equity / mark;
            // One trader in sixteen acts in a step.
            if (ask.keys[row].wrapping_add(ask.now.step)) % 16 == 0 {
                let mut intent = template;
                intent.actor.agent = ask.agents[row];
                intent.args[1] = Some(Value::Number(want - size));
                replies.intents.push(intent);
            }
        }
    }
}

fn steps(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("step/native");
    group.sample_size(10);
    for traders in [1_000, 10_000, 100_000] {
        let mut simulation = Simulation::new(&crowd(traders, ""), &ALL, Options::default()).expect("a legal scenario");
        let mut host = Native::new(&simulation, native(&simulation));
        for _ in 0..20 {
            simulation.step(&mut host);
        }
        group.throughput(Throughput::Elements(u64::from(traders)));
        group.bench_with_input(BenchmarkId::from_parameter(traders), &traders, |bench, _| {
            bench.iter(|| {
                simulation.step(&mut host);
                simulation.take_frames()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, steps);
criterion_main!(benches);
