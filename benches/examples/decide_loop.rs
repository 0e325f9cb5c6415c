fn main() {
    let mix = kepil_bench::mix::Mix::load(&kepil_packs::kz(), false).map_err(|e| e.to_string());
    if let Ok(mix) = mix {
        let s = std::time::Instant::now();
        let mut n = 0u64;
        while s.elapsed().as_secs() < 10 {
            for (_, scene) in &mix.scenes {
                std::hint::black_box(mix.gate.decide(scene.clone()));
                n += 1;
            }
        }
        println!("{n}");
    }
}
