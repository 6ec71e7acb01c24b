use crate::graph::links::NO_NODE;
use crate::graph::*;

fn small(base: &[u32], down: u32) -> Graph<Vec<u32>> {
    let layer = Layer {
        nodes: vec![1],
        down: vec![down],
        links: vec![NO_NODE],
        stride: 1,
    };
    Graph::from_parts(3, base.to_vec(), 2, vec![layer], 0).unwrap()
}

const RING: [u32; 6] = [1, NO_NODE, 2, 0, 0, NO_NODE];

#[test]
fn a_sound_graph_passes_the_check() {
    assert_eq!(small(&RING, 1).check(), Vec::<String>::new());
    assert_eq!(small(&RING, 1).neighbours(1).collect::<Vec<_>>(), [2, 0]);
    assert_eq!(small(&RING, 1).neighbours(9).count(), 0);
}

#[test]
fn the_check_reports_each_problem() {
    for (base, down, problem) in [
        ([7, NO_NODE, 2, 0, 0, NO_NODE], 1, "not there"),
        ([0, 1, 2, 0, 0, NO_NODE], 1, "itself"),
        ([1, 1, 2, 0, 0, NO_NODE], 1, "twice"),
        (
            [1, NO_NODE, 0, NO_NODE, 0, NO_NODE],
            1,
            "1 nodes cannot be reached",
        ),
        (RING, 2, "another node"),
    ] {
        let problems = small(&base, down).check();
        assert!(
            problems.iter().any(|p| p.contains(problem)),
            "{problem}: {problems:?}"
        );
    }
}

#[test]
fn arrays_of_wrong_length_are_refused() {
    assert!(Graph::from_parts(3, vec![0u32; 5], 2, Vec::new(), 0).is_err());
    assert!(Graph::from_parts(3, RING.to_vec(), 2, Vec::new(), 3).is_err());
    assert!(Graph::from_parts(0, Vec::<u32>::new(), 2, Vec::new(), 0).is_ok());
}
