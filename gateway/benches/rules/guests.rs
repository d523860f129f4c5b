//! Rules in JavaScript and Python: what a fresh instance costs with its `configure`, and what a call
//! costs that finds one made ahead.

use std::time::Duration;

use bytesize::ByteSize;
use hapta::rules::{Limits, Settings};
use tokio::time::Instant;

use crate::calls::{self, Scene};
use crate::fixtures;
use crate::report::Report;
use crate::samples::{Samples, micros};

const WARM_UP: usize = 20;
const SAMPLES: usize = 400;

/// One row.
struct Row {
    name: &'static str,
    guest: &'static str,
    /// Instances made ahead.
    ahead: u32,
    /// From one call to the next: more than making an instance takes.
    apart: Duration,
    /// The aim, in microseconds.
    most: Option<f64>,
}

const ROWS: [Row; 4] = [
    Row {
        name: "QuickJS, fresh with configure",
        guest: "quickjs",
        ahead: 0,
        apart: Duration::ZERO,
        most: Some(150.0),
    },
    Row {
        name: "QuickJS, made ahead",
        guest: "quickjs",
        ahead: 8,
        apart: Duration::from_millis(2),
        most: Some(50.0),
    },
    Row {
        name: "Python, fresh with configure",
        guest: "python",
        ahead: 0,
        apart: Duration::ZERO,
        most: None,
    },
    Row {
        name: "Python, made ahead",
        guest: "python",
        ahead: 8,
        apart: Duration::from_millis(15),
        most: Some(150.0),
    },
];

/// Measures, and says so in the report.
pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    for row in &ROWS {
        match Scene::of(&row.settings()?).await {
            Ok(scene) => {
                let samples = tokio::task::unconstrained(row.samples(&scene)).await?;
                row.tell(report, samples);
            }
            Err(error) => {
                let aim = row.most.map_or(String::new(), |most| format!("≤ {most}"));
                report.missing(row.name, "µs", &aim, &format!("{error:#}"));
            }
        }
    }
    Ok(())
}

impl Row {
    /// The guest judges users: it does for updates what the ownership rule does.
    fn settings(&self) -> anyhow::Result<Settings> {
        let mut settings = calls::settings(self.guest, "{}", "users")?;
        for source in &mut settings.sources {
            source.ahead = self.ahead;
            source.limits = Limits {
                memory: ByteSize::mib(64),
                cpu: Duration::from_millis(100),
                ..Limits::default()
            };
        }
        Ok(settings)
    }

    async fn samples(&self, scene: &Scene) -> anyhow::Result<Samples> {
        let mut samples = Samples::default();
        for turn in 0..WARM_UP + SAMPLES {
            // Not asleep: a processor that rests is slow at first, and none does under load.
            let due = Instant::now() + self.apart;
            while Instant::now() < due {
                std::hint::spin_loop();
            }
            let time = scene.call(fixtures::change()).await?;
            if turn >= WARM_UP {
                samples.push(time);
            }
        }
        Ok(samples)
    }

    fn tell(&self, report: &mut Report, mut samples: Samples) {
        let middle = micros(samples.at(500));
        match self.most {
            Some(most) => report.at_most(self.name, middle, "µs", most),
            None => report.plain(self.name, middle, "µs"),
        }
        let p99 = micros(samples.at(990));
        report.plain(&format!("{}, p99", self.name), p99, "µs");
    }
}
