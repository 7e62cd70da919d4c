"""Units of measure: one symbol for all spellings of a unit."""

from __future__ import annotations

_SPELLINGS = {
    "%": "%, percent, pct, per cent",
    "°": "°, degree, degrees, deg",
    "°c": "C, ° C, degC, deg C, degree C, degrees C, degree Celsius, degrees Celsius, ° Celsius, Celsius, "
    "degree centigrade, degrees centigrade",
    "°f": "F, ° F, degF, deg F, degree F, degrees F, degree Fahrenheit, degrees Fahrenheit, ° Fahrenheit, Fahrenheit",
    "mm": "mm, millimetre, millimetres, millimeter, millimeters",
    "cm": "cm, centimetre, centimetres, centimeter, centimeters",
    "m": "m, metre, metres, meter, meters",
    "km": "km, kms, kilometre, kilometres, kilometer, kilometers",
    "mi": "mi, mile, miles",
    "ft": "ft, foot, feet",
    "in": "inch, inches",
    "ha": "ha, hectare, hectares",
    "m2": "m2, sq m, square metre, square metres, square meter, square meters",
    "km2": "km2, sq km, square kilometre, square kilometres, square kilometer, square kilometers",
    "mi2": "mi2, sq mi, square mile, square miles",
    "m3": "m3, cubic metre, cubic metres, cubic meter, cubic meters",
    "km3": "km3, cubic kilometre, cubic kilometres, cubic kilometer, cubic kilometers",
    "km/h": "km/h, kmh, kph, km/hr, kilometres per hour, kilometers per hour, km per hour",
    "mph": "mph, miles per hour, miles an hour",
    "mm/yr": "mm/yr, mm/year, mm/a, mm per year, mm a year, millimetres per year, millimeters per year, "
    "millimetres a year, millimeters a year",
    "mg": "mg, milligram, milligrams",
    "g": "g, gram, grams, gramme, grammes",
    "kg": "kg, kgs, kilogram, kilograms, kilo, kilos",
    "t": "t, tonne, tonnes, metric ton, metric tons",
    "Mt": "Mt, megatonne, megatonnes, megaton, megatons",
    "Gt": "Gt, gigatonne, gigatonnes, gigaton, gigatons",
    "lb": "lb, lbs",
    "ml": "ml, mL, millilitre, millilitres, milliliter, milliliters",
    "l": "l, L, litre, litres, liter, liters",
    "kw": "kW, KW, kilowatt, kilowatts",
    "MW": "MW, megawatt, megawatts",
    "GW": "GW, gigawatt, gigawatts",
    "TW": "TW, terawatt, terawatts",
    "kwh": "kWh, KWh, kwh, kilowatt hour, kilowatt hours",
    "MWh": "MWh, megawatt hour, megawatt hours",
    "GWh": "GWh, gigawatt hour, gigawatt hours",
    "TWh": "TWh, terawatt hour, terawatt hours",
    "ppm": "ppm, parts per million",
    "ppb": "ppb, parts per billion",
    "$": "$, dollar, dollars, USD, US dollar, US dollars",
    "€": "€, euro, euros, EUR",
    "£": "£, GBP, pounds sterling",
    "¥": "¥, yen, JPY",
    "₹": "₹, rupee, rupees, INR",
}
UNITS = {spelling: symbol for symbol, spellings in _SPELLINGS.items() for spelling in spellings.split(", ")}
"""The symbol for each spelling, its words separated by one space; names are in lower case, symbols as written."""
CURRENCY_SIGNS = "$€£¥₹"
LONGEST_UNIT = max(spelling.count(" ") + 1 for spelling in UNITS)
UNIT_BEGINNINGS = frozenset(spelling.split(" ")[0] for spelling in UNITS)
