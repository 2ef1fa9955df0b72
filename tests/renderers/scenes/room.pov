// A small room: area light, depth of field, glass, a picture, a normal map, fog.
#version 3.7;
global_settings { assumed_gamma 1.0 max_trace_level 4 }
#include "colors.inc"
#include "room.inc"
#ifndef (turn) #declare turn = 20; #end
camera {
  location <0, 1.4, -4.2> right x*image_width/image_height look_at <0, 0.7, 0>
  aperture 0.08 blur_samples 4 focal_point <0, 0.6, 0>
}
light_source { <1.5, 3.5, -2>, rgb 1.4 area_light x, z, 2, 2 }
background { rgb <0.1, 0.2, 0.4> }
fog { distance 30 rgb <0.6, 0.7, 0.8> }
plane { y, 0 texture { Tiles } normal { bumps 0.1 scale 0.1 } }
sphere { <-0.6, 0.7, 0>, 0.7 texture { Glass } interior { ior 1.5 } }
box { -0.45, 0.45 pigment { bozo color_map { [0 Red] [1 Yellow] } scale 0.2 } rotate y*(turn + 90*clock) translate <0.8, 0.45, 0.3> }
