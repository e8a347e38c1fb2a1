// What activations without straight-line code have in common. Such an activation is a type T with `save` and `width`
// (what is kept of a point, and how many numbers these are), `moment` and `slope_moment` of a point, and `angle` and
// `dot` of a pair. A pair that asks for more care than REFINE grants sets `asks`.

struct Angle { // behind an activation
    F gap, side;
};
